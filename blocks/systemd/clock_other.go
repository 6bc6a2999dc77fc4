//go:build !linux

package systemd

// monotonic is for systemd, which is only on Linux.
func monotonic() uint64 { return 0 }
