package syslog

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// listen opens address for TCP and UDP. Port 0 takes one that is free for both.
func listen(address string) (*net.TCPListener, *net.UDPConn, error) {
	const tries = 10
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	for try := 1; ; try++ {
		tcp, udp, err := listenOnce(address)
		if err == nil || port != "0" || try == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return tcp, udp, err
		}
	}
}

func listenOnce(address string) (*net.TCPListener, *net.UDPConn, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	tcp, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	port := netip.MustParseAddrPort(tcp.Addr().String()).Port()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: int(port), Zone: addr.Zone})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen: %w", err), tcp.Close())
	}
	return tcp, udp, nil
}
