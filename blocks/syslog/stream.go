package syslog

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// errorPause is for what goes away by itself, such as having no file descriptor left.
const errorPause = 100 * time.Millisecond

// streamListener is a net.Listener whose waiting can be ended.
type streamListener interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// streamServer serves the connections of one listener, each on its own goroutine.
type streamServer struct {
	r         *receiver
	listener  streamListener
	transport string
	tls       *tls.Config // nil: plain
	talk      func(c *conn)
	stop      chan struct{} // closed by drain
}

func newStreamServer(r *receiver, listener streamListener, transport string, config *tls.Config, relp bool) *streamServer {
	s := &streamServer{r: r, listener: listener, transport: transport, tls: config, stop: make(chan struct{}), talk: readLines}
	if relp {
		s.talk = speakRELP
	}
	return s
}

// serve accepts connections until drain, and returns when all are done.
func (s *streamServer) serve() {
	var serving sync.WaitGroup
	defer serving.Wait()
	defer s.close()
	for {
		raw, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			s.r.count.accept.note(err.Error())
			select {
			case <-time.After(errorPause):
			case <-s.stop:
				return
			}
			continue
		}
		c := s.newConn(raw)
		if !s.r.crowd.add(c) {
			_ = raw.Close()
			continue
		}
		serving.Go(func() { s.handle(c) })
	}
}

func (s *streamServer) newConn(raw net.Conn) *conn {
	c := &conn{r: s.r, raw: raw}
	c.stream = limited{raw, c}
	c.from = source{transport: s.transport, lines: s.r.count.of(s.transport)}
	switch peer := raw.RemoteAddr().(type) {
	case *net.TCPAddr:
		at := peer.AddrPort()
		c.host = at.Addr().Unmap()
		c.from.peer = netip.AddrPortFrom(c.host, at.Port()).String()
	default:
		c.from.peer = unixPeer(raw)
	}
	return c
}

func (s *streamServer) handle(c *conn) {
	defer s.r.crowd.remove(c)
	defer func() { _ = c.stream.Close() }()
	if s.tls == nil || c.handshake(s.tls) {
		s.talk(c)
	}
}

// drain ends serve, which still takes in what has connected already.
func (s *streamServer) drain(until time.Time) {
	close(s.stop)
	if err := s.listener.SetDeadline(until); err != nil {
		s.r.log.Warn("listener's deadline", "transport", s.transport, "error", err)
	}
}

func (s *streamServer) close() {
	if err := s.listener.Close(); err != nil {
		s.r.log.Warn("closing the listener", "transport", s.transport, "error", err)
	}
}

func (s *streamServer) address() (transport, address string) {
	return s.transport, s.listener.Addr().String()
}

func (*streamServer) sample() {}
