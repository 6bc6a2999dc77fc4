// Package uplink drives a plug-in that knows a server: it connects, watches the connection, connects anew when it
// broke, and disconnects in the end.
package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik/internal/backoff"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// PlugIn is what is driven. Its calls are never two at a time, but not always on the same goroutine.
type PlugIn struct {
	Connect     func(ctx context.Context) (conn any, err error)
	IsConnected func() bool
	Disconnect  func()
	Broken      func() <-chan error // nil: only heartbeats tell that the connection broke
}

// Owner is told what happens. Run calls its methods, all but Guard on Run's own goroutine.
type Owner interface {
	// Guard runs one call of the plug-in and hands its outcome to done; that it panicked, or ended the goroutine, is an
	// outcome, too.
	Guard(call string, method func() error, done func(error))
	// Note is told of each change of the status.
	Note(s Status)
	// Tell tells whoever uses the connection of a new one: its number, from 1, or of its loss: 0.
	Tell(ctx context.Context, number int, conn any)

	Connected(attempt int, took time.Duration)
	Failed(attempt int, err error, pause time.Duration) // an attempt
	Lost(why error)
	Stalled(call string, limit time.Duration)
	Faulted(err error) // Disconnect did
	Disconnected()     // for good
	// Hung makes the error of a call that the end can't wait for any longer.
	Hung(call string, after time.Duration) error
}

// State of the connection.
type State string

// The states.
const (
	Disconnected State = "disconnected"
	Connecting   State = "connecting"
	Connected    State = "connected"
)

// Status is a snapshot.
type Status struct {
	State     State
	Since     time.Time
	Attempt   int       // in progress, or to come; 0 when connected
	NextTry   time.Time // zero unless an attempt is waited for
	LastError error
}

// Driver drives one plug-in, for one Run. The plug-in is called on a worker's goroutine, so that a call that hangs
// costs a goroutine but not the end.
type Driver struct {
	PlugIn     PlugIn
	Owner      Owner
	Interval   time.Duration // of heartbeats, and the longest pause after the first failure
	BackoffCap time.Duration // the longest pause of all
	Limit      time.Duration // of one call
	ErrTimeout error         // wrapped by the error of a call that exceeds Limit

	worker  worker.Worker
	pending *call // has exceeded its limit
	hung    error // the pending call was given up
	attempt int
	status  Status
}

// call is one of the plug-in's that was made.
type call struct {
	name  string
	began time.Time
	done  <-chan error
}

// Run returns soon after the end of ctx, disconnected: nil, the cause of ctx, or what Hung has made.
func (d *Driver) Run(ctx context.Context) error {
	defer d.worker.GiveUp()
	d.attempt = 1
	for number := 1; ; number++ {
		conn, err := d.connect(ctx)
		if err != nil {
			return err
		}
		since := time.Now()
		d.Owner.Tell(ctx, number, conn)
		if why := d.watch(ctx); why != nil {
			d.Owner.Lost(why)
			d.note(Status{State: Disconnected, Attempt: d.attempt, LastError: why})
			d.Owner.Tell(ctx, 0, nil)
		}
		if err := d.disconnect(ctx); err != nil {
			return err
		}
		if time.Since(since) >= d.Interval {
			d.attempt = 1
			continue
		}
		pause := d.pause() // a connection that flaps is backed off from, like one that fails
		d.attempt++
		d.sleep(ctx, pause)
	}
}

// connect makes attempts until one succeeds, the first at once, or until ctx ends.
func (d *Driver) connect(ctx context.Context) (any, error) {
	for ctx.Err() == nil {
		d.note(Status{State: Connecting, Attempt: d.attempt, LastError: d.status.LastError})
		var conn any
		began := time.Now()
		err := d.complete(ctx, "Connect", func(ctx context.Context) (err error) {
			conn, err = d.PlugIn.Connect(ctx)
			return err
		})
		if d.hung != nil {
			return nil, d.hung
		}
		if err == nil {
			d.Owner.Connected(d.attempt, time.Since(began))
			d.note(Status{State: Connected})
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
		pause := d.pause()
		d.note(Status{State: Disconnected, LastError: err})
		d.Owner.Failed(d.attempt, err, pause)
		d.attempt++
		d.sleep(ctx, pause)
	}
	return nil, context.Cause(ctx)
}

// pause is the backoff after the current attempt.
func (d *Driver) pause() time.Duration { return backoff.Pause(d.attempt, d.Interval, d.BackoffCap) }

// sleep waits before the next attempt, or until ctx ends.
func (d *Driver) sleep(ctx context.Context, pause time.Duration) {
	d.note(Status{
		State: Disconnected, Attempt: d.attempt, NextTry: time.Now().Add(pause), LastError: d.status.LastError,
	})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// watch returns why the connection broke, or nil when ctx ended first.
func (d *Driver) watch(ctx context.Context) error {
	var push <-chan error
	if d.PlugIn.Broken != nil {
		if err := d.call(ctx, "Broken", func(context.Context) error { push = d.PlugIn.Broken(); return nil }); err != nil {
			return err
		}
	}
	beat := time.NewTimer(d.Interval)
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
		err := d.call(ctx, "IsConnected", func(context.Context) error {
			if !d.PlugIn.IsConnected() {
				return errors.New("heartbeat: not connected")
			}
			return nil
		})
		if err != nil {
			return err
		}
		beat.Reset(d.Interval)
	}
}

// disconnect returns an error only if the end can't wait for the plug-in.
func (d *Driver) disconnect(ctx context.Context) error {
	err := d.complete(ctx, "Disconnect", func(context.Context) error { d.PlugIn.Disconnect(); return nil })
	if d.hung != nil {
		return d.hung
	}
	if err != nil {
		d.Owner.Faulted(err)
	}
	if ctx.Err() != nil {
		d.note(Status{State: Disconnected})
		d.Owner.Disconnected()
	}
	return nil
}

// interruptedCall is what a call in progress gets when the end comes: nobody needs its result any more.
const interruptedCall = 2 * time.Second

// call calls the plug-in. A call that exceeds the limit is left pending, and is waited for before the next one.
func (d *Driver) call(ctx context.Context, name string, method func(context.Context) error) error {
	if d.pending != nil {
		_ = d.outlast(ctx) // what it says comes too late
		if d.hung != nil {
			return d.hung
		}
	}
	overrun := fmt.Errorf("%s: %w (%v)", name, d.ErrTimeout, d.Limit)
	limited, cancel := context.WithTimeoutCause(ctx, d.Limit, overrun)
	began := time.Now()
	done := d.worker.Start(func(done func(error)) {
		d.Owner.Guard(name, func() error {
			defer cancel()
			return method(limited)
		}, done)
	})
	p := worker.Patience{Limit: d.Limit, Grace: interruptedCall, Interrupt: ctx.Done()}
	if ctx.Err() != nil {
		p.Interrupt = nil // the call is part of the end
	}
	if err, came := p.Await(done); came {
		return err
	}
	d.pending = &call{name, began, done}
	s := d.status
	s.LastError = overrun
	d.note(s)
	d.Owner.Stalled(name, d.Limit)
	return overrun
}

// complete is a call that is waited for beyond its limit: it may still succeed.
func (d *Driver) complete(ctx context.Context, name string, method func(context.Context) error) error {
	err := d.call(ctx, name, method)
	if d.pending != nil && d.hung == nil {
		return d.outlast(ctx)
	}
	return err
}

// outlast waits for the pending call, however long it takes, and returns its outcome. Only the end of ctx ends that:
// the call is hung, and Run gives its goroutine up.
func (d *Driver) outlast(ctx context.Context) error {
	p := worker.Patience{Grace: interruptedCall, Interrupt: ctx.Done()}
	if ctx.Err() != nil {
		p.Abort = ctx.Done() // it had its time
	}
	if err, came := p.Await(d.pending.done); came {
		d.pending = nil
		return err
	}
	d.hung = d.Owner.Hung(d.pending.name, time.Since(d.pending.began))
	return d.hung
}

func (d *Driver) note(s Status) {
	s.Since = d.status.Since
	if s.State != d.status.State {
		s.Since = time.Now()
	}
	d.status = s
	d.Owner.Note(s)
}
