package sputnik

import (
	"context"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

// unit is one block in flight: its descriptor, its callbacks, its mailbox, its link to the connection.
type unit struct {
	in       *initiator
	desc     BlockDescriptor
	block    *Block
	position int // in the order of initialisation, from 1

	box     mailbox.Box
	link    *link           // nil where the block has no connection callbacks
	dropped atomic.Uint64   // by a full mailbox, not yet told to observers
	ctx     context.Context // carries the labels; ends with the block's finish
	cancel  context.CancelCauseFunc
	ran     chan struct{}   // closed when Run has returned
	flush   context.Context // see FlushContext; its end also frees the block's goroutines from waiting in Send
	release func()          // ends all that the block may still wait for, before it is abandoned

	mu     sync.Mutex
	state  State
	since  time.Time
	faults []error // in order; bounded by maxFaults
}

// maxFaults bounds what a block that fails with every message adds to the final error.
const maxFaults = 8

func newUnit(in *initiator, d BlockDescriptor, b *Block, position int) *unit {
	u := &unit{
		in: in, desc: d, block: b, position: position,
		ran:   make(chan struct{}),
		state: StateCreated, since: time.Now(),
	}
	labels := labelled(in.base, in.id, d.Responsibility)
	flush, timeUp := context.WithCancel(labels)
	u.flush = flush
	u.ctx, u.cancel = context.WithCancelCause(context.WithValue(labels, flushKey{}, flush))
	u.release = sync.OnceFunc(func() {
		u.box.Close()
		u.box.CallOff()
		timeUp()
	})
	u.box.Init(b.capacity, mailbox.Overflow(b.overflow), u.consume, u.drop)
	if b.linked() {
		u.link = newLink(u)
	}
	return u
}

type flushKey struct{}

// FlushContext returns, for the context of a [WithRunContext], one that outlives it: it ends when the block's time in the
// finish is nearly up, or the finish is cut short (G9), up to a second before the block is abandoned. A Run that
// flushes after the end of its own context gives up by it, and can report what is left. A context that isn't
// of a Run is returned as it is.
func FlushContext(ctx context.Context) context.Context {
	if flush, ok := ctx.Value(flushKey{}).(context.Context); ok {
		return flush
	}
	return ctx
}

// label marks the current goroutine as the block's own.
func (u *unit) label() { pprof.SetGoroutineLabels(u.ctx) }

func (u *unit) enter(s State) {
	u.mu.Lock()
	u.state, u.since = s, time.Now()
	u.mu.Unlock()
}

// start starts Run on a goroutine of its own, and calls begun there before Run is entered (G3).
func (u *unit) start(begun func()) {
	go func() {
		defer close(u.ran)
		u.label()
		guard(func() error {
			u.enter(StateRunning)
			u.in.events.emit(BlockRunning{now(), u.desc})
			begun()
			bc := &communicator{from: u, to: u}
			if u.block.runContext != nil {
				err := u.block.runContext(u.ctx, bc)
				if u.ctx.Err() != nil && isOnly(err, u.ctx.Err(), context.Cause(u.ctx)) {
					return nil
				}
				return err
			}
			u.block.run(bc)
			return nil
		}, u.runReturned)
	}()
}

func (u *unit) runReturned(err error) {
	if err == nil {
		return
	}
	if hung, ok := err.(*AbandonedError); ok && hung.Block == u.desc { //nolint:errorlint // not one of a flight within
		u.abandon(hung)
		return
	}
	u.fail("Run", err)
	u.cancel(err) // what else the block has started need not wait for the finish
}

// isOnly tells whether err is, or wraps, one of the expected errors, and nothing else beside it.
func isOnly(err error, expected ...error) bool {
	if slices.Contains(expected, err) {
		return true
	}
	switch w := err.(type) { //nolint:errorlint // this is the unwrapping
	case interface{ Unwrap() []error }:
		all := w.Unwrap()
		return len(all) > 0 && !slices.ContainsFunc(all, func(e error) bool { return !isOnly(e, expected...) })
	case interface{ Unwrap() error }:
		return isOnly(w.Unwrap(), expected...)
	}
	return false
}

// fail notes that a callback failed, which stops the process (G11).
func (u *unit) fail(callback string, err error) {
	be := &BlockError{Block: u.desc, Callback: callback, Err: err}
	u.mu.Lock()
	if u.state == StateRunning {
		u.state, u.since = StateFailed, time.Now()
	}
	u.mu.Unlock()
	u.fault(be)
	u.in.events.emit(BlockFailed{now(), u.desc, be})
	u.in.stop(be)
}

// fault adds to the block's part of the final error.
func (u *unit) fault(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.faults) < maxFaults {
		u.faults = append(u.faults, err)
	}
}

// drop is told by the mailbox of each message that DropOldest takes away.
func (u *unit) drop() {
	if u.in.events.feed == nil {
		return
	}
	if u.dropped.Add(1) == 1 && !u.in.events.emit(dropMark{now(), u}) {
		u.dropped.Store(0)
	}
}

// consume is the goroutine that calls OnMsg, and the connection callbacks of a serial block. One
// guard serves many messages; after a panic it goes on with the next one (the process is finishing
// by then, but what was accepted is still handled).
func (u *unit) consume(m mailbox.Msg) {
	more, inMsg, over := true, false, false
	defer func() {
		if !over {
			go u.consume(m) // a callback has ended the goroutine
		}
	}()
	u.label()
	for more {
		guard(func() error {
			for more {
				if u.box.TakeNews() {
					u.link.deliver()
				}
				if msg := m; msg != nil && !u.box.CalledOff() {
					m, inMsg = nil, true
					u.block.onMsg(msg)
					inMsg = false
					u.box.Handled()
				}
				m, more = u.box.Next()
			}
			return nil
		}, func(err error) {
			if inMsg {
				inMsg = false
				u.box.Handled()
				u.fail("OnMsg", err)
			}
		})
	}
	over = true
}

func (u *unit) status() BlockStatus {
	u.mu.Lock()
	s := BlockStatus{Block: u.desc, State: u.state, Since: u.since}
	if n := len(u.faults); n > 0 {
		s.LastError = u.faults[n-1]
	}
	u.mu.Unlock()
	s.Mailbox = MailboxStatus(u.box.Stats())
	return s
}
