package syslog

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// errorPause is for what goes away by itself, such as having no file descriptor left.
const errorPause = 100 * time.Millisecond

// tcpServer reads lines from TCP connections, each on its own goroutine.
type tcpServer struct {
	r        *receiver
	listener *net.TCPListener
	stop     chan struct{} // closed by drain: no more connections

	mu    sync.Mutex
	conns map[*tcpConn]struct{}
	until time.Time // set by drain: no connection is read after it
}

func newTCPServer(r *receiver, listener *net.TCPListener) *tcpServer {
	return &tcpServer{r: r, listener: listener, stop: make(chan struct{}), conns: make(map[*tcpConn]struct{})}
}

// serve accepts connections until drain, and returns when all are done.
func (s *tcpServer) serve() {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.r.count.accept.add(err)
			select {
			case <-time.After(errorPause):
			case <-s.stop:
				return
			}
			continue
		}
		c := s.add(conn)
		if c == nil {
			_ = conn.Close()
			continue
		}
		serving.Go(func() {
			defer s.remove(c)
			c.read()
		})
	}
}

// add returns nil where there is no place for one more.
func (s *tcpServer) add(conn net.Conn) *tcpConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.r.conf.MaxConn {
		s.r.count.refused.Add(1)
		return nil
	}
	peer := conn.RemoteAddr().String()
	c := &tcpConn{r: s.r, conn: conn, peer: peer, log: s.r.log.With("peer", peer)}
	if !s.until.IsZero() {
		c.readUntil(s.until)
	}
	s.conns[c] = struct{}{}
	return c
}

func (s *tcpServer) remove(c *tcpConn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.conn.Close()
}

// drain ends serve: no new connections, and of the others what arrives within the configured time.
func (s *tcpServer) drain() {
	close(s.stop)
	if err := s.listener.Close(); err != nil {
		s.r.log.Warn("closing the TCP listener", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(s.r.conf.Drain)
	for c := range s.conns {
		c.readUntil(s.until)
	}
}

// tcpConn is one connection.
type tcpConn struct {
	r    *receiver
	conn net.Conn
	peer string
	log  *slog.Logger

	mu    sync.Mutex
	until time.Time // set at finish: goes before the idle limit
}

// readUntil ends the waiting for bytes at t, for good.
func (c *tcpConn) readUntil(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	c.setDeadline(t)
}

// allow gives the peer the idle time for its next byte. At finish it is what is left of the drain time; after that, what
// has arrived already can still be read for a while, as the receiving block may have held up the reading until then.
func (c *tcpConn) allow(idle time.Duration) {
	const (
		noWait = time.Millisecond
		late   = 2 * time.Second
	)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.until.IsZero():
		c.setDeadline(now.Add(idle))
	case now.After(c.until) && now.Before(c.until.Add(late)):
		c.setDeadline(now.Add(noWait))
	}
}

func (c *tcpConn) finishing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.until.IsZero()
}

func (c *tcpConn) setDeadline(t time.Time) {
	if err := c.conn.SetReadDeadline(t); err != nil {
		c.log.Warn("read deadline", "error", err)
	}
}

// read delivers the connection's lines until it ends, one way or another.
func (c *tcpConn) read() {
	framer := NewFramer(c.r.conf.MaxLine)
	parser := newParser(c.r.loc, c.r.conf.KeepRaw)
	for {
		c.allow(c.r.conf.Idle)
		_, err := framer.Fill(c.conn)
		received := time.Now()
		if !c.deliverAll(framer, parser, received) {
			return
		}
		if err != nil {
			c.logEnd(err)
			if frame, ok := framer.Rest(); ok && !c.r.deliver(parser, frame, c.peer, "tcp", received) {
				c.r.count.unsent.Add(1)
			}
			return
		}
	}
}

// deliverAll delivers the lines that are complete. false: the connection is to be closed.
func (c *tcpConn) deliverAll(framer *Framer, parser *parser, received time.Time) bool {
	for {
		frame, ok, err := framer.Next()
		if err != nil {
			c.log.Warn("connection closed", "error", err)
			return false
		}
		if !ok {
			return true
		}
		if !c.r.deliver(parser, frame, c.peer, "tcp", received) {
			c.giveUp(framer)
			return false
		}
	}
}

// giveUp counts what was read and can't be delivered.
func (c *tcpConn) giveUp(framer *Framer) {
	n := uint64(1)
	for {
		if _, ok, err := framer.Next(); !ok || err != nil {
			break
		}
		n++
	}
	c.r.count.tcp.Add(n - 1) // the first one is counted
	c.r.count.unsent.Add(n)
}

func (c *tcpConn) logEnd(err error) {
	switch {
	case errors.Is(err, io.EOF), c.finishing():
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.log.Info("connection closed: idle", "idle", c.r.conf.Idle)
	default:
		c.log.Info("connection lost", "error", err)
	}
}
