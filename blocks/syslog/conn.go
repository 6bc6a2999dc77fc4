package syslog

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// conn is one connection of a stream listener. Its goroutine alone reads it.
type conn struct {
	r      *receiver
	raw    net.Conn
	stream net.Conn // raw with its writes limited, or TLS on top of that
	from   source
	host   netip.Addr // not valid over a Unix socket

	begun time.Time // when the frame that isn't complete yet was found to be so

	mu    sync.Mutex
	until time.Time // set at finish: goes before the other limits
	end   time.Time // set when the finish has no more time: nothing is read any more, and it goes for writing, too
}

// limited limits each Write, which a peer that reads nothing would hold up for ever: that of an answer, and those of TLS
// itself, which answers a peer's key update in the middle of a Read.
type limited struct {
	net.Conn
	of *conn
}

func (l limited) Write(p []byte) (int, error) {
	if err := l.of.allowWrite(); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

func (c *conn) allowWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := time.Now().Add(c.r.conf.FrameTimeout)
	if !c.end.IsZero() {
		limit = c.end
	}
	return c.raw.SetWriteDeadline(limit)
}

// source is what the lines of a connection, or of a datagram, have in common.
type source struct {
	peer      string
	transport string
	lines     *counter // of the transport
}

// readUntil ends the waiting for bytes at t, for good.
func (c *conn) readUntil(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	c.setDeadline(t)
}

// cutShort ends all waiting: there is just time for a farewell.
func (c *conn) cutShort() {
	const farewell = 200 * time.Millisecond
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Now()
	c.end = c.until.Add(farewell)
	c.setDeadline(c.until)
	_ = c.raw.SetWriteDeadline(c.end) // fails on a connection that is closed
}

// allow limits the waiting for the next byte: to the idle time, and to what a frame that has begun has left. At finish
// the limit is set already.
func (c *conn) allow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.until.IsZero() {
		return
	}
	limit := time.Now().Add(c.r.conf.Idle)
	if frame := c.begun.Add(c.r.conf.FrameTimeout); !c.begun.IsZero() && frame.Before(limit) {
		limit = frame
	}
	c.setDeadline(limit)
}

// Past the limit of the finish, what has arrived already is still read: the receiving block may have held up the reading
// until then, or others the processor. It is read for no longer than late.
const (
	late     = 2 * time.Second
	lateRead = 100 * time.Millisecond // for what is there
)

// extend gives what has arrived before the end one more chance.
func (c *conn) extend() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.until.IsZero() || !c.end.IsZero() || now.After(c.until.Add(late)) || !arrived(c.raw) {
		return false
	}
	c.setDeadline(now.Add(lateRead))
	return true
}

func (c *conn) finishing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.until.IsZero()
}

func (c *conn) setDeadline(t time.Time) {
	if err := c.raw.SetReadDeadline(t); err != nil && !errors.Is(err, net.ErrClosed) {
		c.warn("read deadline", "error", err)
	}
}

// filler is what finds frames in what it reads.
type filler interface {
	Fill(r io.Reader) (int, error)
	Pending() bool
}

// fill reads once, within the limits. delivered: there were frames since the last time, so what is pending is a new one.
func (c *conn) fill(f filler, delivered bool) error {
	switch {
	case !f.Pending():
		c.begun = time.Time{}
	case delivered || c.begun.IsZero():
		c.begun = time.Now()
	}
	c.allow()
	_, err := f.Fill(c.stream)
	for errors.Is(err, os.ErrDeadlineExceeded) && c.extend() {
		_, err = f.Fill(c.stream)
	}
	return err
}

// logEnd tells why a connection has ended, where that isn't the peer's own will.
func (c *conn) logEnd(err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), c.finishing(): // the latter is TLS without a farewell
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.begun.IsZero() && time.Since(c.begun) >= c.r.conf.FrameTimeout:
		c.r.count.slow.Add(1)
		c.warn("connection closed: a line was begun and not completed in time", "frame_timeout", c.r.conf.FrameTimeout)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.r.count.idle.Add(1)
		c.info("connection closed: idle", "idle", c.r.conf.Idle)
	default:
		c.info("connection lost", "error", err)
	}
}

// brief is what is logged of a text that a peer has chosen, and may have chosen long.
func brief(text string) string {
	const most = 200
	return string(cut([]byte(text), most))
}

// warn and info log what a peer does, no more often than the quota allows: a peer can't flood the log.
func (c *conn) warn(msg string, args ...any) {
	if c.r.quota.allow(&c.r.count.unlogged) {
		//nolint:sloglint // what the callers give is literal
		c.r.log.Warn(msg, append(args, "peer", c.from.peer, "transport", c.from.transport)...)
	}
}

func (c *conn) info(msg string, args ...any) {
	if c.r.quota.allow(&c.r.count.unlogged) {
		//nolint:sloglint // as above
		c.r.log.Info(msg, append(args, "peer", c.from.peer, "transport", c.from.transport)...)
	}
}
