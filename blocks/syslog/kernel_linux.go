//go:build linux && !386

package syslog

import (
	"sync"
	"syscall"
	"unsafe"
)

// kernelDrops follows how many datagrams the kernel has dropped at a socket, as its buffer was full, from the first open
// on.
type kernelDrops struct {
	mu   sync.Mutex
	conn syscall.RawConn
	seen uint32
}

func (k *kernelDrops) open(conn syscall.Conn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	k.mu.Lock()
	first := k.conn == nil
	k.conn = raw
	k.mu.Unlock()
	if first {
		k.more() // what was dropped before this process had the socket
	}
}

// more is by how much the count has grown since the last time; 0 on a socket that is closed.
func (k *kernelDrops) more() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == nil {
		return 0
	}
	total, ok := uint32(0), false
	if err := k.conn.Control(func(fd uintptr) { total, ok = socketDrops(fd) }); err != nil || !ok {
		return 0
	}
	growth := total - k.seen // the kernel's count wraps around
	k.seen = total
	return uint64(growth)
}

// socketDrops reads SO_MEMINFO (linux/sock_diag.h), which holds the same count as /proc/net/udp.
func socketDrops(fd uintptr) (uint32, bool) {
	const (
		soMeminfo = 55
		drops     = 8 // SK_MEMINFO_DROPS
	)
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMeminfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info[drops], errno == 0 && size == uint32(unsafe.Sizeof(info))
}
