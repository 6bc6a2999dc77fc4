// Package lazy makes channels and contexts when they are first asked for: most of them never are.
package lazy

import (
	"context"
	"sync"
)

var closed = func() chan struct{} { //nolint:gochecknoglobals // never changes
	ch := make(chan struct{})
	close(ch)
	return ch
}()

// Latch is a channel that is only ever closed. The zero value is ready.
type Latch struct {
	mu sync.Mutex
	ch chan struct{} // nil: nobody has asked for it
}

// Close closes it, if that has not been done.
func (l *Latch) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ch != nil && l.ch != closed {
		close(l.ch)
	}
	l.ch = closed
}

// Closed tells whether it is closed.
func (l *Latch) Closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ch == closed
}

// Done returns the channel.
func (l *Latch) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ch == nil {
		l.ch = make(chan struct{})
	}
	return l.ch
}

// Context is a context that can be ended before it is made. The zero value is ready.
type Context struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
	cause  error // of its end
}

// Of returns the context, a child of parent.
func (c *Context) Of(parent context.Context) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancelCause(parent)
		if c.cause != nil {
			c.cancel(c.cause)
		}
	}
	return c.ctx
}

// End ends it; the first cause stays.
func (c *Context) End(cause error) {
	c.mu.Lock()
	first := c.cause == nil
	if first {
		c.cause = cause
	}
	cancel := c.cancel
	c.mu.Unlock()
	if first && cancel != nil {
		cancel(cause) // without the lock: it may call back
	}
}

// Cause returns that of its end, nil before.
func (c *Context) Cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}
