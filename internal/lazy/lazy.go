// Package lazy makes channels and contexts when they are first asked for: most of them never are.
package lazy

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

var closed = func() chan struct{} { //nolint:gochecknoglobals // never changes
	ch := make(chan struct{})
	close(ch)
	return ch
}()

// Closed returns a channel that is closed.
func Closed() <-chan struct{} { return closed }

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

// Context is a [context.Context] that costs next to nothing until somebody waits for its end.
type Context struct {
	mu     sync.Mutex
	ctx    context.Context         // the parent, until it is made
	cancel context.CancelCauseFunc // nil until then
	cause  atomic.Pointer[error]   // of its end; changed under the lock
}

// End ends it. The first cause stays.
func (c *Context) End(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause.Load() != nil {
		return
	}
	cause = cmp.Or(cause, context.Canceled)
	c.cause.Store(&cause)
	if c.cancel != nil {
		c.cancel(cause)
	}
}

func (c *Context) made() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil {
		c.ctx, c.cancel = context.WithCancelCause(c.ctx)
		if cause := c.cause.Load(); cause != nil {
			c.cancel(*cause)
		}
	}
	return c.ctx
}

// Deadline implements [context.Context], like the methods below.
func (c *Context) Deadline() (at time.Time, ok bool) { return at, false }

// Done is closed by the end.
func (c *Context) Done() <-chan struct{} { return c.made().Done() }

// Err is [context.Canceled] after the end.
func (c *Context) Err() error {
	if c.cause.Load() == nil { // without the lock: each request asks
		return nil
	}
	c.mu.Lock() // when End is through, so that whoever sees the end sees all of it
	defer c.mu.Unlock()
	return context.Canceled
}

// Value returns the parent's, and leads [context.Cause] and children to what was made.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	ctx, ended := c.ctx, c.cause.Load() != nil
	c.mu.Unlock()
	if v := ctx.Value(key); v != nil || !ended {
		return v
	}
	return c.made().Value(key)
}

// String keeps those who print a context from its fields.
func (c *Context) String() string { return "lazy.Context" }

// RunContext is a context, and one that outlives it. It needs [RunContext.Init].
type RunContext struct {
	Context
	Flush Context
}

type flushKey struct{}

// Init gives both a parent, which has values, but no end.
func (c *RunContext) Init(parent context.Context) { c.ctx, c.Flush.ctx = parent, parent }

// Value implements [context.Context].
func (c *RunContext) Value(key any) any {
	if key == (flushKey{}) {
		return &c.Flush
	}
	return c.Context.Value(key)
}

// FlushOf returns the one that outlives ctx, or ctx itself.
func FlushOf(ctx context.Context) context.Context {
	if flush, ok := ctx.Value(flushKey{}).(*Context); ok {
		return flush
	}
	return ctx
}
