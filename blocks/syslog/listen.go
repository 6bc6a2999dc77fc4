package syslog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// server is one socket, from Init to the end of Run.
type server interface {
	serve()                // until drain, and until everything that has arrived is done
	drain(until time.Time) // ends serve
	close()                // in place of serve
	sample()               // brings counts up to date that others keep
	address() (transport, address string)
}

// opener opens what is listed in the configuration.
type opener struct {
	r       *receiver
	tls     *tls.Config // nil where no endpoint needs it
	mode    os.FileMode // of Unix sockets
	all     []endpoint
	given   []passed // by a service manager, where an endpoint asks for it
	servers []server
}

// open opens all, or none.
func (o *opener) open() error {
	for i, e := range o.all {
		if err := o.endpoint(e); err != nil {
			for _, s := range o.servers {
				s.close()
			}
			return fmt.Errorf("listen %q: %w%s", o.r.conf.Listen[i], err, advice(e, err))
		}
	}
	for _, p := range unused(o.given, o.all) {
		o.r.log.Warn("a socket was handed over that no entry of listen takes: unless another block does, what is sent there waits for ever", "name", p.name)
	}
	return nil
}

// advice is what to do where the error alone doesn't say it.
func advice(e endpoint, err error) string {
	if errors.Is(err, syscall.EACCES) && e.scheme != transportUnix && e.scheme != transportUnixgram {
		return ": a port below 1024 takes CAP_NET_BIND_SERVICE, or a .socket unit and systemd: in its place"
	}
	return ""
}

func (o *opener) endpoint(e endpoint) error {
	switch e.scheme {
	case "":
		return o.both(e.address)
	case transportUDP:
		conn, err := net.ListenPacket("udp", e.address)
		return o.own(conn, socketFile{}, err)
	case transportUnixgram:
		return o.unixgram(e.address)
	case transportUnix:
		return o.unix(e)
	case schemeSystemd:
		return o.passed(e)
	}
	listener, err := net.Listen("tcp", e.address)
	return o.stream(listener, e, err)
}

// both opens an address for TCP and UDP. Port 0 takes one that is free for both.
func (o *opener) both(address string) error {
	const tries = 10
	for try := 1; ; try++ {
		tcp, udp, err := listenBoth(address)
		if err == nil {
			return errors.Join(o.stream(tcp, endpoint{}, nil), o.own(udp, socketFile{}, nil))
		}
		if _, port, _ := net.SplitHostPort(address); port != "0" || try == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

func listenBoth(address string) (*net.TCPListener, *net.UDPConn, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	tcp, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	port := netip.MustParseAddrPort(tcp.Addr().String()).Port()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: int(port), Zone: addr.Zone})
	if err != nil {
		return nil, nil, errors.Join(err, tcp.Close())
	}
	return tcp, udp, nil
}

// passed opens what a service manager has handed over.
func (o *opener) passed(e endpoint) error {
	all, err := passedSockets()
	if err != nil {
		return err
	}
	o.given = all
	chosen, err := choose(all, e.address, o.all)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		if err := o.passedSocket(p, e); err != nil {
			return fmt.Errorf("socket %q: %w", p.name, err)
		}
	}
	return nil
}

func (o *opener) passedSocket(p passed, e endpoint) error {
	listener, err := net.FileListener(p.file)
	switch {
	case err != nil: // it is for datagrams
	case listener.Addr().Network() == transportUnixgram:
		if err := listener.Close(); err != nil {
			return err
		}
	case listener.Addr().Network() == "unixpacket":
		return errors.Join(errors.New("it is for sequential packets: the .socket unit needs ListenStream= or ListenDatagram="), listener.Close())
	default:
		if conn, ok := listener.(syscall.Conn); ok && !listens(conn) {
			return errors.Join(errors.New("it doesn't listen: the .socket unit needs Accept=no"), listener.Close())
		}
		return o.stream(listener, e, nil)
	}
	conn, err := net.FilePacketConn(p.file)
	if err == nil && (e.tls || e.relp) {
		return errors.Join(errors.New("it is for datagrams: neither TLS nor RELP"), conn.Close())
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		o.raiseBuffer(udp)
	}
	return o.packet(conn, socketFile{}, p.drops, err)
}

func (o *opener) stream(l net.Listener, e endpoint, err error) error {
	if err != nil {
		return err
	}
	listener, ok := l.(streamListener)
	if !ok {
		return errors.Join(fmt.Errorf("a listener of type %T", l), l.Close())
	}
	transport := transportTCP
	switch {
	case e.relp && e.tls:
		transport = transportRELPTLS
	case e.relp:
		transport = transportRELP
	case e.tls:
		transport = transportTLS
	case l.Addr().Network() == "unix":
		transport = transportUnix
	}
	config := o.tls
	if !e.tls {
		config = nil
	}
	o.servers = append(o.servers, newStreamServer(o.r, listener, transport, config, e.relp))
	return nil
}

// own takes a datagram socket that the block has opened.
func (o *opener) own(c net.PacketConn, file socketFile, err error) error {
	if udp, ok := c.(*net.UDPConn); ok && err == nil {
		o.setBuffer(udp)
	}
	return o.packet(c, file, new(kernelDrops), err)
}

func (o *opener) packet(c net.PacketConn, file socketFile, drops *kernelDrops, err error) error {
	if err != nil {
		return err
	}
	switch conn := c.(type) {
	case *net.UDPConn:
		o.tellBuffer(conn)
		o.servers = append(o.servers, newDatagramServer(o.r, conn, file, drops))
	case *net.UnixConn:
		o.servers = append(o.servers, newDatagramServer(o.r, conn, file, drops))
	default:
		return errors.Join(fmt.Errorf("a socket of type %T", c), c.Close())
	}
	return nil
}

func (o *opener) setBuffer(conn *net.UDPConn) {
	if err := conn.SetReadBuffer(o.r.conf.UDPBuffer); err != nil {
		o.r.log.Warn("UDP receive buffer", "error", err)
	}
}

// raiseBuffer sets the buffer of a socket that was handed over, unless that would shrink it: a service manager may give it
// more than net.core.rmem_max, and nobody else could give that back.
func (o *opener) raiseBuffer(conn *net.UDPConn) {
	if grantedBuffer(conn) < grants(o.r.conf.UDPBuffer) {
		o.setBuffer(conn)
	}
}

func (o *opener) tellBuffer(conn *net.UDPConn) {
	wanted := o.r.conf.UDPBuffer
	if granted := grantedBuffer(conn); granted > 0 && granted < wanted {
		o.r.log.Info("the kernel grants less than udp_buffer: raise net.core.rmem_max, or ReceiveBuffer= of the .socket unit",
			"granted", granted, "udp_buffer", wanted, "udp", conn.LocalAddr())
	}
}
