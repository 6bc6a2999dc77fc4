package sputnik

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik/internal/backoff"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// The connector, started by [WithConnector].
const (
	DefaultConnectorName           = "connector"
	DefaultConnectorResponsibility = "connector"

	// DefaultConnectorTimeout is the interval of heartbeats, and the base of the backoff between
	// attempts, where [WithConnector] gets 0. It limits no call: that is [DefaultConnectTimeout].
	DefaultConnectorTimeout = 5 * time.Second
)

// ConnectorDescriptor describes the connector.
func ConnectorDescriptor() BlockDescriptor {
	return BlockDescriptor{DefaultConnectorName, DefaultConnectorResponsibility}
}

// ServerConnector is the plug-in that knows the server. Its methods are called one at a time, not always on the
// same goroutine. Each call has a limit ([WithConnectTimeout]); one that exceeds it is reported, and no
// other call is made until it returns (G15). A panic is a failed attempt, or a broken connection.
type ServerConnector interface {
	// Connect connects to the server and returns the connection, which is handed to the blocks as it is. It
	// is not called while connected. A success counts also beyond the limit.
	Connect(cf ConfFactory) (ServerConnection, error)
	// IsConnected is the heartbeat: false, or no answer within the limit, says that the connection is broken.
	IsConnected() bool
	// Disconnect closes the connection, a broken one included. It is called once for each Connect
	// that succeeded, before the next one (G17). A slow block may still use the connection at that moment.
	Disconnect()
}

// ContextConnector is implemented by a plug-in whose Connect can be interrupted; ConnectContext is then
// called in place of Connect. The context ends with the attempt's limit, or when the connector's own finish comes,
// after that of all application blocks.
type ContextConnector interface {
	ConnectContext(ctx context.Context, cf ConfFactory) (ServerConnection, error)
}

// PushConnector is implemented by a plug-in that learns by itself that its connection broke. Broken is called
// after each successful connect: a value on the channel, or its close, says that this connection is
// broken now; blocks needn't wait for the next heartbeat. Each connection should have its own channel; a nil
// one leaves it to the heartbeats.
type PushConnector interface {
	Broken() <-chan error
}

// connector drives the plug-in. Its Run is the only one that calls it, by way of the worker, so that
// a call that hangs costs a goroutine but not the finish.
type connector struct {
	unit    *unit
	cf      ConfFactory
	plugIn  ServerConnector
	worker  worker.Worker
	pending <-chan error // the outcome of a call that exceeded its limit
	overdue string       // the name of that call
	since   time.Time    // when it was made

	status ConnectionStatus // guarded by the initiator's lock
}

func connectorFactory() *Block {
	c := new(connector)
	b := NewBlock(WithInit(c.init), WithRunContext(c.run))
	b.bind = func(u *unit) {
		c.unit, c.plugIn = u, u.in.cfg.connector
		c.status = ConnectionStatus{State: StateDisconnected, Since: time.Now()}
		u.in.connector = c
	}
	return b
}

func (c *connector) init(cf ConfFactory) error {
	c.cf = cf
	return nil
}

func (c *connector) run(ctx context.Context, _ BlockCommunicator) error {
	defer c.worker.GiveUp()
	in := c.unit.in
	select {
	case <-in.flying: // every Run was started
	case <-ctx.Done():
		return nil
	}
	attempt := 1
	for number := 1; ; number++ {
		conn, err := c.connect(ctx, &attempt)
		if err != nil {
			return err
		}
		since := time.Now()
		c.tell(ctx, number, conn)
		if broken := c.watch(ctx); broken != nil {
			in.events.emit(ConnectionLost{now(), broken})
			c.note(ConnectionStatus{State: StateDisconnected, Attempt: attempt, LastError: broken})
			c.tell(ctx, 0, nil)
		}
		if err := c.disconnect(ctx); err != nil {
			return err
		}
		if time.Since(since) >= in.cfg.interval {
			attempt = 1
			continue
		}
		attempt++ // a connection that flaps is backed off from, like one that fails
		if !c.sleep(ctx, attempt, c.pause(attempt-1)) {
			return nil
		}
	}
}

// connect makes attempts until one succeeds, the first at once (G15), or until ctx ends.
func (c *connector) connect(ctx context.Context, attempt *int) (ServerConnection, error) {
	for ctx.Err() == nil {
		c.note(ConnectionStatus{State: StateConnecting, Attempt: *attempt, LastError: c.current().LastError})
		var conn ServerConnection
		began := time.Now()
		err := c.call(ctx, "Connect", func(ctx context.Context) (err error) {
			if cc, ok := c.plugIn.(ContextConnector); ok {
				conn, err = cc.ConnectContext(ctx, c.cf)
			} else {
				conn, err = c.plugIn.Connect(c.cf)
			}
			return err
		})
		if c.pending != nil { // it may still succeed
			err = c.outlast(ctx)
		}
		if c.pending != nil {
			return nil, err
		}
		if err == nil {
			c.unit.in.events.emit(Connected{now(), *attempt, time.Since(began)})
			c.note(ConnectionStatus{State: StateConnected})
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
		pause := c.pause(*attempt)
		c.note(ConnectionStatus{State: StateDisconnected, LastError: err})
		c.unit.in.events.emit(ConnectFailed{now(), *attempt, err, pause})
		*attempt++
		c.sleep(ctx, *attempt, pause)
	}
	return nil, context.Cause(ctx)
}

// pause is the backoff after so many failures.
func (c *connector) pause(failures int) time.Duration {
	return backoff.Pause(failures, c.unit.in.cfg.interval, c.unit.in.cfg.backoffCap)
}

// sleep waits before the given attempt and tells whether it is still wanted.
func (c *connector) sleep(ctx context.Context, attempt int, pause time.Duration) bool {
	c.note(ConnectionStatus{
		State: StateDisconnected, Attempt: attempt, NextTry: time.Now().Add(pause), LastError: c.current().LastError,
	})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// watch returns why the connection broke, or nil when ctx ended first.
func (c *connector) watch(ctx context.Context) error {
	var push <-chan error
	if pc, ok := c.plugIn.(PushConnector); ok {
		if err := c.call(ctx, "Broken", func(context.Context) error { push = pc.Broken(); return nil }); err != nil {
			return err
		}
	}
	interval := c.unit.in.cfg.interval
	beat := time.NewTimer(interval)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-push:
			if err == nil {
				err = errors.New("the connector says that the connection is broken")
			}
			return err
		case <-beat.C:
		}
		err := c.call(ctx, "IsConnected", func(context.Context) error {
			if !c.plugIn.IsConnected() {
				return errors.New("heartbeat: not connected")
			}
			return nil
		})
		if err != nil {
			return err
		}
		beat.Reset(interval)
	}
}

// disconnect returns an error only if the finish can't wait for the plug-in.
func (c *connector) disconnect(ctx context.Context) error {
	err := c.call(ctx, "Disconnect", func(context.Context) error { c.plugIn.Disconnect(); return nil })
	if c.pending != nil {
		err = c.outlast(ctx)
	}
	if c.pending != nil {
		return err
	}
	if err != nil {
		c.unit.in.events.emit(ConnectorFaulted{now(), err})
	}
	if ctx.Err() != nil {
		c.note(ConnectionStatus{State: StateDisconnected})
		c.unit.in.events.emit(Disconnected{now()})
	}
	return nil
}

// interruptedCall is what a call in progress gets when the finish comes: nobody needs its result any more.
const interruptedCall = 2 * time.Second

// call runs a method of the plug-in on the worker's goroutine. One that exceeds the limit is left pending,
// and is waited for before the next call: there are never two at a time (G15).
func (c *connector) call(ctx context.Context, name string, method func(context.Context) error) error {
	if c.pending != nil {
		if err := c.outlast(ctx); c.pending != nil {
			return err
		}
	}
	limit := c.unit.in.cfg.connectTimeout
	overrun := fmt.Errorf("%s: %w (%v)", name, ErrTimeout, limit)
	limited, cancel := context.WithTimeoutCause(ctx, limit, overrun)
	began := time.Now()
	done := run(&c.worker, c.unit.life.Load().ctx, func() error {
		defer cancel()
		return method(limited)
	})
	p := worker.Patience{Limit: limit, Grace: interruptedCall, Interrupt: ctx.Done()}
	if ctx.Err() != nil {
		p.Interrupt = nil // the call is part of the finish
	}
	if err, came := p.Await(done); came {
		return c.outcome(name, err)
	}
	c.pending, c.overdue, c.since = done, name, began
	was := c.current()
	c.note(ConnectionStatus{State: was.State, Attempt: was.Attempt, LastError: overrun})
	c.unit.in.events.emit(ConnectorStalled{now(), name, limit})
	return overrun
}

// outlast waits for the pending call, however long it takes. Only the finish ends that: the call stays
// pending, its goroutine is given up, and the returned error names it.
func (c *connector) outlast(ctx context.Context) error {
	p := worker.Patience{Grace: interruptedCall, Interrupt: ctx.Done()}
	if ctx.Err() != nil {
		p.Abort = ctx.Done() // the finish has waited for it already
	}
	if err, came := p.Await(c.pending); came {
		c.pending = nil
		return c.outcome(c.overdue, err)
	}
	c.worker.GiveUp()
	return c.unit.abandoned([]string{c.overdue}, time.Since(c.since))
}

// outcome names the call that failed.
func (c *connector) outcome(name string, err error) error {
	if _, panicked := errors.AsType[*PanicError](err); panicked || errors.Is(err, ErrGoexit) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// newsPatience is what one round of news waits, all in all, for slow blocks. Blocks that are quick are thus told
// strictly one after another; a slow one doesn't keep the others waiting.
const newsPatience = 100 * time.Millisecond

// tell tells every block of a new connection in the order of initialisation, or of its loss (number 0)
// in reverse (G16).
func (c *connector) tell(ctx context.Context, number int, conn ServerConnection) {
	in := c.unit.in
	in.mu.Lock() // blocks that come up from now on find it by themselves
	in.number, in.conn = number, conn
	units := in.units
	in.mu.Unlock()
	late := make(chan struct{})
	timer := time.AfterFunc(newsPatience, func() { close(late) })
	defer timer.Stop()
	for i, u := range units {
		if number == 0 {
			u = units[len(units)-1-i]
		}
		l := u.life.Load().link
		if l == nil {
			continue
		}
		told := l.Set(number, conn)
		if told == nil {
			continue
		}
		select {
		case <-told:
		case <-late:
		case <-ctx.Done():
		}
	}
}

// note changes the status of the connection, and readiness with it.
func (c *connector) note(s ConnectionStatus) {
	in := c.unit.in
	in.mu.Lock()
	defer in.mu.Unlock()
	s.Since = c.status.Since
	if s.State != c.status.State {
		s.Since = time.Now()
	}
	c.status = s
	in.refreshReady()
}

func (c *connector) current() ConnectionStatus {
	c.unit.in.mu.Lock()
	defer c.unit.in.mu.Unlock()
	return c.status
}
