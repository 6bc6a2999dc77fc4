//go:build !linux

package syslog

import (
	"net"
	"syscall"
)

const unknownPeer = "unix"

func unixPeer(net.Conn) string { return unknownPeer }

func unixDatagramReader(conn *net.UnixConn) datagramReader {
	return func(buf []byte) (n int, d datagram, err error) {
		n, _, err = conn.ReadFromUnix(buf)
		d.peer = unknownPeer
		return n, d, err
	}
}

// arrived doesn't know here.
func arrived(any) bool { return false }

func grantedBuffer(syscall.Conn) int        { return 0 }
func grants(wanted int) int                 { return wanted }
func listens(syscall.Conn) bool             { return true }
func openFiles() (limit uint64, known bool) { return 0, false }
func closeOnExec(int)                       {}
