package systemd

import (
	"syscall"
	"unsafe"
)

// monotonic returns CLOCK_MONOTONIC in microseconds, by which the service manager tells an answer to its reload from an
// older one. The standard library has it in no other form. The call can't fail: every Linux has that clock.
func monotonic() uint64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return uint64(ts.Nano()) / 1000
}
