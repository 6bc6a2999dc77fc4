//go:build unix && !solaris

package embedded

import (
	"os"
	"syscall"
)

// lock holds until f is closed, or the process is gone, however it went.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
