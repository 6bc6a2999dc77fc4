package sputnik

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik/internal/feed"
)

// Event is one transition in the life of a process: one of the structs of this package that embed [At].
// Use a type switch to tell them apart.
type Event interface {
	// When tells when it happened.
	When() time.Time
	// record says how the event is logged; it also seals the interface.
	record() (slog.Level, string)
}

// At is the time of an event.
type At struct{ Time time.Time }

// When implements [Event].
func (a At) When() time.Time { return a.Time }

func now() At { return At{time.Now()} }

// The events of the process.
type (
	// ProcessPreparing is the first event: the set-up is sound, Inits follow.
	ProcessPreparing struct {
		At
		Blocks int
	}
	// ProcessPrepared says that every block is initialised and attached.
	ProcessPrepared struct {
		At
		Blocks int
		Took   time.Duration
	}
	// ProcessRunning says that every Run was started.
	ProcessRunning struct{ At }
	// ReadyChanged says how readiness is at the launch, and each time it turns; Reason says why not (G19).
	ReadyChanged struct {
		At
		Ready  bool
		Reason string
	}
	// ProcessFinishing says that the finish began, and why (G6).
	ProcessFinishing struct {
		At
		Cause error
	}
	// ProcessHurried says that what is left of the finish gets a short limit only: by a second signal
	// (Forced, G9), or because the limit of the finish is used up.
	ProcessHurried struct {
		At
		Forced bool
	}
	// ProcessFinished is the last event. Err is what launch, or Prepare, returns, but for what goes wrong
	// with observers.
	ProcessFinished struct {
		At
		Cause error
		Err   error
		Took  time.Duration // since ProcessFinishing
	}
)

// The events of one block.
type (
	// BlockInitialised says that the block's Init succeeded.
	BlockInitialised struct {
		At
		Block BlockDescriptor
		Took  time.Duration
	}
	// BlockRunning says that the block's Run was started.
	BlockRunning struct {
		At
		Block BlockDescriptor
	}
	// BlockFailed says that a callback failed: Err is an *InitError or a *BlockError.
	BlockFailed struct {
		At
		Block BlockDescriptor
		Err   error
	}
	// BlockFinishing says that the block's mailbox is closed and is being emptied.
	BlockFinishing struct {
		At
		Block  BlockDescriptor
		Queued int   // the message in OnMsg included
		Cause  error // nil where the process finishes; else a *RemoveRequestError, or the *InitError of a block that was to be added
	}
	// BlockRestarting says that a block failed and that a new instance follows (see [WithRestart]), the how manieth within
	// the window, and after which pause. BlockInitialised and BlockRunning come again.
	BlockRestarting struct {
		At
		Block   BlockDescriptor
		Err     error
		Restart int
		Pause   time.Duration
	}
	// CallbackStalled says that a callback runs for longer than the limit of [WithWatchdog], with the stacks of
	// the block's own goroutines.
	CallbackStalled struct {
		At
		Block    BlockDescriptor
		Callback string
		For      time.Duration // so far, at least
		Stacks   string
	}
	// CallbackReturned says that a callback that was stalled has come back.
	CallbackReturned struct {
		At
		Block    BlockDescriptor
		Callback string
		Took     time.Duration // about
	}
	// WaitCycle says that blocks stand still, as the OnMsg of each waits for the next one, and the last for the first: in
	// Send to a full mailbox with [Wait], or in [Request]. It lasts until a request's context ends, or the finish comes.
	WaitCycle struct {
		At
		Blocks []BlockDescriptor
	}
	// BlockFinished says that all of the block's callbacks have returned.
	BlockFinished struct {
		At
		Block   BlockDescriptor
		Mailbox MailboxStatus
		Took    time.Duration
	}
	// BlockAbandoned says that the finish goes on without the block (G7).
	BlockAbandoned struct {
		At
		Block BlockDescriptor
		Err   *AbandonedError
	}
	// MessagesLost says that accepted messages were not handled (G13): dropped by DropOldest, or
	// left in the mailbox of a block that did not finish in time. One event may stand for many.
	MessagesLost struct {
		At
		Block  BlockDescriptor
		Count  uint64
		Reason string
	}
)

// The events of the connection.
type (
	// Connected says that the plug-in connected, at which attempt.
	Connected struct {
		At
		Attempt int
		Took    time.Duration
	}
	// ConnectFailed says that an attempt failed, and after which pause the next one follows.
	ConnectFailed struct {
		At
		Attempt int
		Err     error
		Next    time.Duration
	}
	// ConnectionLost says that a heartbeat failed or overran its limit, or that the plug-in said so by itself.
	ConnectionLost struct {
		At
		Err error
	}
	// Disconnected says that the connection was closed by the finish.
	Disconnected struct{ At }
	// ConnectorStalled says that a call of the plug-in exceeds its limit. No other call is made until it returns.
	ConnectorStalled struct {
		At
		Call  string
		Limit time.Duration
	}
	// ConnectorFaulted says that Disconnect of the plug-in panicked; there is nobody else to tell.
	ConnectorFaulted struct {
		At
		Err error
	}
)

// BlackBox is the record for whoever is woken at night: after a panic, a stuck block, or a finish that was cut short. It
// comes once a second at most; what happens meanwhile is in the next one, or in one at the end. See [WithBlackBox].
type BlackBox struct {
	At
	Why    string
	Report string // many lines: the last events, every block, the stacks that matter
}

// EventsLost says that observers were too slow and that the buffer was full.
type EventsLost struct {
	At
	Count int
}

func (ProcessPreparing) record() (slog.Level, string) { return slog.LevelDebug, "process preparing" }
func (ProcessPrepared) record() (slog.Level, string)  { return slog.LevelInfo, "process prepared" }
func (ProcessRunning) record() (slog.Level, string)   { return slog.LevelInfo, "process running" }
func (ProcessFinishing) record() (slog.Level, string) { return slog.LevelInfo, "process finishing" }
func (BlockInitialised) record() (slog.Level, string) { return slog.LevelInfo, "block initialised" }
func (BlockRunning) record() (slog.Level, string)     { return slog.LevelDebug, "block running" }
func (BlockFailed) record() (slog.Level, string)      { return slog.LevelError, "block failed" }
func (BlockFinishing) record() (slog.Level, string)   { return slog.LevelDebug, "block finishing" }
func (BlockFinished) record() (slog.Level, string)    { return slog.LevelInfo, "block finished" }
func (BlockRestarting) record() (slog.Level, string)  { return slog.LevelWarn, "block restarting" }
func (CallbackStalled) record() (slog.Level, string)  { return slog.LevelWarn, "callback stalled" }
func (CallbackReturned) record() (slog.Level, string) { return slog.LevelInfo, "callback returned" }
func (WaitCycle) record() (slog.Level, string)        { return slog.LevelError, "blocks wait for each other" }
func (BlockAbandoned) record() (slog.Level, string)   { return slog.LevelError, "block abandoned" }
func (MessagesLost) record() (slog.Level, string)     { return slog.LevelWarn, "messages lost" }
func (Connected) record() (slog.Level, string)        { return slog.LevelInfo, "connected" }
func (ConnectFailed) record() (slog.Level, string) {
	return slog.LevelWarn, "not ready: connect failed"
}
func (ConnectionLost) record() (slog.Level, string)   { return slog.LevelWarn, "connection lost" }
func (Disconnected) record() (slog.Level, string)     { return slog.LevelInfo, "disconnected" }
func (ConnectorStalled) record() (slog.Level, string) { return slog.LevelWarn, "connector stalled" }
func (ConnectorFaulted) record() (slog.Level, string) { return slog.LevelError, "connector fault" }
func (BlackBox) record() (slog.Level, string)         { return slog.LevelError, "black box" }
func (EventsLost) record() (slog.Level, string)       { return slog.LevelWarn, "events lost" }

func (e ReadyChanged) record() (slog.Level, string) {
	if e.Ready {
		return slog.LevelInfo, "ready"
	}
	return slog.LevelInfo, "not ready"
}

func (e ProcessHurried) record() (slog.Level, string) {
	if e.Forced {
		return slog.LevelWarn, "finish cut short by a second signal"
	}
	return slog.LevelWarn, "finish cut short, its limit is used up"
}

func (e ProcessFinished) record() (slog.Level, string) {
	if e.Err != nil {
		return slog.LevelError, "process finished"
	}
	return slog.LevelInfo, "process finished"
}

// LogObserver returns an observer that writes each event to l, with the time of the event and those of its
// fields that say something as attributes: transitions as Info, what an operator should see as Warn,
// failures as Error, the rest as Debug. A nil l is silent.
func LogObserver(l *slog.Logger) func(Event) {
	return func(e Event) {
		level, text := e.record()
		ctx := context.Background()
		if l == nil || !l.Enabled(ctx, level) {
			return
		}
		r := slog.NewRecord(e.When(), level, text, 0)
		r.AddAttrs(attributes(e)...)
		_ = l.Handler().Handle(ctx, r) // a log that can't be written has nowhere to be told
	}
}

// attributes makes one of each field that says something.
func attributes(e Event) (attrs []slog.Attr) {
	fields := reflect.ValueOf(e)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			continue
		}
		key := strings.ToLower(fields.Type().Field(i).Name)
		switch v := fields.Field(i).Interface().(type) {
		case At, bool: // in the words of record
		case BlockDescriptor:
			attrs = append(attrs, slog.String(key, v.Responsibility))
		case time.Duration:
			attrs = append(attrs, slog.Duration(key, v.Round(time.Microsecond)))
		case MailboxStatus:
			for _, n := range []slog.Attr{
				slog.Uint64("handled", v.Handled), slog.Uint64("rejected", v.Rejected), slog.Uint64("dead", v.Dead),
			} {
				if n.Value.Uint64() > 0 {
					attrs = append(attrs, n)
				}
			}
		case error:
			if key == "err" {
				key = "error"
			}
			attrs = append(attrs, slog.Any(key, v))
			if s := stacksIn(v); s != "" {
				attrs = append(attrs, slog.String("stacks", s))
			}
		default:
			attrs = append(attrs, slog.Any(key, v))
		}
	}
	return attrs
}

const maxEvents = 16_384 // waiting for observers; beyond, events are counted only

// eventBus delivers events in order, so that no observer holds up the engine.
type eventBus struct {
	observers []func(Event)
	blackBox  blackBox
	feed      *feed.Feed[Event] // nil without observers

	mu    sync.Mutex
	fault error // the first panic of an observer
}

func (b *eventBus) start(in *initiator) {
	b.observers, b.blackBox.in = in.cfg.observers, in
	if len(b.observers) > 0 || in.cfg.blackBox != "" {
		b.feed = feed.New(maxEvents, b.deliver, func(n int) { b.deliver(EventsLost{now(), n}) })
	}
}

// emit tells whether observers will see the event. It never blocks.
func (b *eventBus) emit(e Event) bool { return b.feed != nil && b.feed.Put(e) }

func (b *eventBus) deliver(e Event) {
	switch m := e.(type) {
	case dropMark:
		e = MessagesLost{m.At, m.unit.desc, m.unit.dropped.Swap(0), "dropped from a full mailbox"}
	case readyMark:
		e = ReadyChanged{m.At, m.health.ready(), m.health.reason()}
	}
	record, due := b.blackBox.note(e)
	b.tell(e, b.observers)
	if due {
		if err := b.blackBox.save(record); err != nil {
			b.blame(err)
		}
		b.tell(record, b.observers)
	}
}

func (b *eventBus) tell(e Event, observers []func(Event)) {
	for i, observe := range observers {
		guard(func() error { observe(e); return nil }, func(err error) {
			if err != nil {
				b.blame(fmt.Errorf("observer: %w", err))
			}
			if isGoexit(err) {
				b.tell(e, observers[i+1:]) // the goroutine ends, but not before the others know
			}
		})
	}
}

// dropMark stands in the buffer for all messages that a block drops until it is delivered, so that a
// flood of messages doesn't become a flood of events.
type dropMark struct {
	At
	unit *unit
}

// readyMark stands for a ReadyChanged whose reason is yet to be put in words.
type readyMark struct {
	At
	health health
}

func (dropMark) record() (slog.Level, string)  { return slog.LevelDebug, "" }
func (readyMark) record() (slog.Level, string) { return slog.LevelDebug, "" }

func (b *eventBus) blame(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		b.fault = err
	}
}

// close waits until observers have seen everything, up to the limit, and returns what went wrong with them.
func (b *eventBus) close(limit time.Duration) error {
	if b.feed == nil {
		return nil
	}
	if !await(b.feed.Close(), time.Now().Add(limit), nil) {
		return fmt.Errorf("observer: %w (%v after the last event)", ErrTimeout, limit)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}
