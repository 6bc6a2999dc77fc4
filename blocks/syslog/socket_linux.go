package syslog

import (
	"fmt"
	"net"
	"syscall"
)

const unknownPeer = "unix"

// unixPeer names the process at the other end of a Unix socket.
func unixPeer(conn net.Conn) string {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return unknownPeer
	}
	peer := unknownPeer
	control(c, func(fd int) {
		if cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			peer = credentials(cred)
		}
	})
	return peer
}

func credentials(cred *syscall.Ucred) string {
	const overflow = 65534
	if cred.Pid == 0 && cred.Uid == overflow { // what was sent before the socket asked for them has none
		return unknownPeer
	}
	return fmt.Sprintf("pid=%d,uid=%d", cred.Pid, cred.Uid)
}

// unixDatagramReader reads datagrams with the process that sent them, which the kernel vouches for.
func unixDatagramReader(conn *net.UnixConn) datagramReader {
	control(conn, func(fd int) {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1) // without it, the peer is unknown
	})
	oob := make([]byte, syscall.CmsgSpace(syscall.SizeofUcred))
	var last syscall.Ucred
	name := unknownPeer
	return func(buf []byte) (n int, d datagram, err error) {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		d.peer = unknownPeer
		if messages, e := syscall.ParseSocketControlMessage(oob[:oobn]); e == nil && len(messages) > 0 {
			if cred, e := syscall.ParseUnixCredentials(&messages[0]); e == nil {
				if *cred != last {
					last, name = *cred, credentials(cred)
				}
				d.peer = name
			}
		}
		return n, d, err
	}
}

// grantedBuffer is the size of a socket's receive buffer.
func grantedBuffer(conn syscall.Conn) (size int) {
	control(conn, func(fd int) { size = receiveBuffer(fd) })
	return size
}

// grants is how much of a receive buffer of the wanted size the kernel grants this process (net.core.rmem_max). It is tried
// out: in a container, and with ProcSubset=pid, /proc doesn't tell. 0: not known.
func grants(wanted int) int {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, wanted); err != nil {
		return 0
	}
	return receiveBuffer(fd)
}

func receiveBuffer(fd int) int {
	doubled, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return doubled / 2 // the kernel doubles it, for its own bookkeeping
}

// listens tells whether a socket takes connections.
func listens(conn syscall.Conn) (ok bool) {
	control(conn, func(fd int) {
		value, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		ok = err == nil && value == 1
	})
	return ok
}

// arrived tells whether a socket has something to read at once, be it an empty datagram, behind which there may be others,
// or the end.
func arrived(socket any) (yes bool) {
	if conn, ok := socket.(syscall.Conn); ok {
		control(conn, func(fd int) {
			_, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			yes = err == nil
		})
	}
	return yes
}

// openFiles is how many files the process may have open; Go raises the soft limit to the hard one.
func openFiles() (limit uint64, known bool) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return r.Cur, err == nil
}

func control(conn syscall.Conn, f func(fd int)) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails on a closed socket: then there is nothing to know
	}
}

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }
