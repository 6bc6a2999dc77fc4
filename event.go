package sputnik

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik/internal/blackbox"
	"github.com/sputnik-go/sputnik/internal/feed"
	"github.com/sputnik-go/sputnik/internal/logline"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// Event is one transition in the life of a process: one of the structs of this package that embed [At].
// Use a type switch to tell them apart.
type Event interface {
	// When tells when it happened.
	When() time.Time
	// sealed leaves it to this package which events there are.
	sealed()
}

// At is the time of an event.
type At struct{ Time time.Time }

// When implements [Event].
func (a At) When() time.Time { return a.Time }

func (At) sealed() {}

func now() At { return At{time.Now()} }

// now is for what each block tells: without observers nobody looks at the clock.
func (in *initiator) now() At { return At{in.events.Now()} }

// The events of the process.
type (
	// ProcessPreparing is the first event: the set-up is sound, Inits follow.
	ProcessPreparing struct {
		At     `log:"debug process preparing"`
		Blocks int
	}
	// ProcessPrepared says that every block is initialised and attached.
	ProcessPrepared struct {
		At     `log:"info process prepared"`
		Blocks int
		Took   time.Duration
	}
	// ProcessRunning says that every Run was started.
	ProcessRunning struct {
		At `log:"info process running"`
	}
	// ReadyChanged says how readiness is at the launch, and each time it turns; Reason says why not (G19).
	ReadyChanged struct {
		At     `log:"info not ready"`
		Ready  bool `log:"info ready"`
		Reason string
	}
	// ProcessFinishing says that the finish began, and why (G6).
	ProcessFinishing struct {
		At    `log:"info process finishing"`
		Cause error `log:"brief"`
	}
	// ProcessHurried says that what is left of the finish gets a short limit only: by a second signal
	// (Forced, G9), or because the limit of the finish is used up.
	ProcessHurried struct {
		At     `log:"warn finish cut short, its limit is used up"`
		Forced bool `log:"warn finish cut short by a second signal"`
	}
	// ProcessFinished is the last event, but for a [BlackBox]. Err is what launch, or Prepare, returns, but for what
	// goes wrong with observers.
	ProcessFinished struct {
		At    `log:"info process finished"`
		Cause error         `log:"brief"`
		Err   error         `log:"error process finished"`
		Took  time.Duration // since ProcessFinishing
	}
)

// The events of one block.
type (
	// BlockInitialised says that the block's Init succeeded.
	BlockInitialised struct {
		At    `log:"info block initialised"`
		Block BlockDescriptor
		Took  time.Duration
	}
	// BlockRunning says that the block's Run was started.
	BlockRunning struct {
		At    `log:"debug block running"`
		Block BlockDescriptor
	}
	// BlockFailed says that a callback failed: Err is an *InitError or a *BlockError.
	BlockFailed struct {
		At    `log:"error block failed"`
		Block BlockDescriptor
		Err   error
	}
	// BlockFinishing says that the block's mailbox is being closed and emptied. It doesn't come for an instance that
	// makes room for the next one ([WithRestart]).
	BlockFinishing struct {
		At     `log:"debug block finishing"`
		Block  BlockDescriptor
		Queued int // the message in OnMsg included
		// Cause is nil where the process finishes; else a *RemoveRequestError, or the *InitError of a block that was to
		// be added.
		Cause error
	}
	// BlockRestarting says that a block failed and that a new instance follows (see [WithRestart]). Restart is its
	// number within the window, from 1; Pause is what comes before. BlockInitialised and BlockRunning come again.
	BlockRestarting struct {
		At      `log:"warn block restarting"`
		Block   BlockDescriptor
		Err     error `log:"brief"`
		Restart int
		Pause   time.Duration
	}
	// CallbackStalled says that a callback runs for longer than the limit of [WithWatchdog], with the stacks of
	// the block's own goroutines, which may be a second old.
	CallbackStalled struct {
		At       `log:"warn callback stalled"`
		Block    BlockDescriptor
		Callback string
		For      time.Duration // so far, at least
		Stacks   string
	}
	// CallbackReturned says that a callback that was stalled has come back.
	CallbackReturned struct {
		At       `log:"info callback returned"`
		Block    BlockDescriptor
		Callback string
		Took     time.Duration // about
	}
	// WaitCycle says that blocks stand still, as the OnMsg of each waits for the next one, and the last for the first:
	// in Send to a full mailbox with [Wait], or in [Request]. It lasts until a request's context ends, or the finish
	// comes. Who waits is known by the handle that is used: a block that uses another one's may make a wrong circle of
	// it. A circle through a block that has 64 or more waits of its own may be found only once the watchdog finds an
	// OnMsg on it stalled.
	WaitCycle struct {
		At     `log:"error blocks wait for each other"`
		Blocks []BlockDescriptor
	}
	// BlockFinished says that all of the block's callbacks have returned.
	BlockFinished struct {
		At      `log:"info block finished"`
		Block   BlockDescriptor
		Mailbox MailboxStatus
		Took    time.Duration
	}
	// BlockAbandoned says that callbacks of the block were left behind: in the finish, which goes on without it (G7),
	// in its removal, for a restart, or in Init or Attach.
	BlockAbandoned struct {
		At    `log:"error block abandoned"`
		Block BlockDescriptor
		Err   *AbandonedError
	}
	// MessagesLost says that accepted messages were not handled (G13): dropped by DropOldest, or
	// left in the mailbox of a block that did not finish in time. One event may stand for many.
	MessagesLost struct {
		At     `log:"warn messages lost"`
		Block  BlockDescriptor
		Count  uint64
		Reason string
	}
)

// The events of the connection.
type (
	// Connected says that the plug-in connected, at which attempt.
	Connected struct {
		At      `log:"info connected"`
		Attempt int
		Took    time.Duration
	}
	// ConnectFailed says that an attempt failed, and after which pause the next one follows.
	ConnectFailed struct {
		At      `log:"warn not ready: connect failed"`
		Attempt int
		Err     error
		Next    time.Duration
	}
	// ConnectionLost says that a heartbeat failed or overran its limit, or that the plug-in said so by itself.
	ConnectionLost struct {
		At  `log:"warn connection lost"`
		Err error
	}
	// Disconnected says that the connection was closed by the finish.
	Disconnected struct {
		At `log:"info disconnected"`
	}
	// ConnectorStalled says that a call of the plug-in exceeds its limit. No other call is made until it returns.
	ConnectorStalled struct {
		At    `log:"warn connector stalled"`
		Call  string
		Limit time.Duration
	}
	// ConnectorFaulted says that Disconnect of the plug-in panicked; there is nobody else to tell.
	ConnectorFaulted struct {
		At  `log:"error connector fault"`
		Err error
	}
)

// BlackBox is the record for whoever is woken at night: after a panic, a stuck block, or a finish that was cut short.
// It comes once a second at most; what happens meanwhile is told when that second is over. See [WithBlackBox].
type BlackBox struct {
	At     `log:"error black box"`
	Why    string
	Report string // many lines: the last events, every block, the stacks that matter
}

// EventsLost says that observers were too slow and that the buffer was full.
type EventsLost struct {
	At    `log:"warn events lost"`
	Count int
}

// LogObserver returns an observer that writes each event to l, with the time of the event and those of its
// fields that say something as attributes: transitions as Info, what an operator should see as Warn,
// failures as Error, the rest as Debug. A nil l is silent.
func LogObserver(l *slog.Logger) func(Event) {
	return func(e Event) {
		ctx := context.Background()
		if r := logged(e); l != nil && l.Enabled(ctx, r.Level) {
			_ = l.Handler().Handle(ctx, r) // a log that can't be written has nowhere to be told
		}
	}
}

// logged says it in the words of the event's tag on At, or of that on another field where this one isn't zero.
func logged(e Event) slog.Record { return logline.Of(e.When(), e, inLog) }

// inLog puts a field of an event in other words, where it needs them.
func inLog(key string, field any) []slog.Attr {
	switch v := field.(type) {
	case BlockDescriptor:
		return []slog.Attr{slog.String(key, v.Responsibility)}
	case MailboxStatus:
		return []slog.Attr{slog.Uint64("handled", v.Handled), slog.Uint64("rejected", v.Rejected), slog.Uint64("dead", v.Dead)}
	case error:
		return []slog.Attr{slog.Any(key, v), slog.String(logline.Stacks, stacksIn(v))}
	}
	return nil
}

const maxEvents = 16_384 // waiting for observers; beyond, events are counted only

// eventBus delivers events in order, so that no observer holds up the engine.
type eventBus struct {
	feed.Bus[Event]
	in  *initiator
	box blackbox.Box // for the goroutine that delivers
}

func (b *eventBus) start(in *initiator) {
	b.Guard, b.in, b.box.Wake = guard, in, func() { emit(in, boxMark{now()}) }
	b.Init(maxEvents, b.deliver, func(n int) { b.deliver(EventsLost{now(), n}) })
	b.Readers = slices.Clone(in.cfg.observers)
	if len(b.Readers) > 0 || in.cfg.blackBox != "" {
		b.Open()
	}
}

// emit tells whether observers will see the event. It never blocks. Without observers it costs nothing.
func emit[E Event](in *initiator, e E) bool { return in.events.IsOpen() && in.events.Put(e) }

// Observe has observe called with each event from now on, as one of [WithObserver] is, in the process that a
// communicator belongs to. It returns false where there is none (a mock), or where the process has ended. No call begins
// after stop. It may be called from anywhere.
func Observe(bc BlockCommunicator, observe func(Event)) (stop func(), ok bool) {
	if from := origin(bc); from != nil && observe != nil {
		return from.in.events.Join(observe)
	}
	return func() {}, false
}

func (b *eventBus) deliver(e Event) {
	if m, ok := e.(interface{ event() Event }); ok {
		e = m.event()
	}
	var record *BlackBox
	guard(func() (err error) { record, err = b.note(e); return err }, func(err error) { b.Blame("black box", err) })
	if record != nil {
		defer b.Tell(*record) // also after an observer that ends the goroutine
	}
	if _, ours := e.(boxMark); !ours {
		b.Tell(e)
	}
}

// close waits until observers have seen everything, up to the limit, and returns what went wrong with them.
func (b *eventBus) close(limit time.Duration) error {
	if !worker.Wait(b.Close(), time.Now().Add(limit), nil) {
		return fmt.Errorf("observer: %w (%v after the last event)", ErrTimeout, limit)
	}
	return b.Fault
}

// dropMark stands in the buffer for all messages that a block drops until it is delivered, so that a
// flood of messages doesn't become a flood of events.
type dropMark struct {
	At
	unit *unit
}

func (m dropMark) event() Event {
	return MessagesLost{m.At, m.unit.desc, m.unit.dropped.Swap(0), "dropped from a full mailbox"}
}

// boxMark stands for the second after which the black box may tell again.
type boxMark struct{ At }

// readyMark stands for a ReadyChanged whose reason is yet to be put in words.
type readyMark struct {
	At
	status Status
}

func (m readyMark) event() Event { return ReadyChanged{m.At, m.status.Ready, m.status.reason()} }
