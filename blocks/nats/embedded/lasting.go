package embedded

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lasting is the client's end of a connection that outlives the broker's orderly end: from then on it says nothing, and
// what is written goes nowhere. A client would otherwise see it break, and connect again.
type lasting struct {
	net.Conn
	parted <-chan struct{}
	closed chan struct{}
	once   sync.Once

	limited atomic.Bool // a deadline is set
}

// SetDeadline is what a client sets while it logs in: it has to learn then that the broker has ended, so as to give up.
func (c *lasting) SetDeadline(t time.Time) error {
	c.limited.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// Read waits for the client's Close once the broker has ended.
func (c *lasting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && closed(c.parted) && !c.limited.Load() {
		<-c.closed
	}
	return n, err
}

// Write tells of no error once the broker has ended.
func (c *lasting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && closed(c.parted) {
		return len(p), nil
	}
	return n, err
}

// Close closes both ends.
func (c *lasting) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
