//go:build !linux || 386

package syslog

import "syscall"

// kernelDrops knows nothing here: only Linux tells of a socket's drops.
type kernelDrops struct{}

func (*kernelDrops) open(syscall.Conn) {}
func (*kernelDrops) more() uint64      { return 0 }
