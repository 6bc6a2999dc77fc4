//go:build unix && !solaris

package embedded

import (
	"errors"
	"os"
	"syscall"
)

// lock holds until f is closed, or the process is gone, however it went.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("in use by another process")
	}
	return os.NewSyscallError("flock", err) // such as a network file system without locks
}
