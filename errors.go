package sputnik

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Why a process stops, and what went wrong on the way. After a clean finish launch returns nil, and the cause is
// in [Status] and in [ProcessFinished]; else it is in the error of Prepare or launch: take that apart
// with errors.Is and errors.As.
var (
	// ErrShootDown is the cause of a stop by [ShootDown].
	ErrShootDown = errors.New("shoot-down")

	// ErrForced says that a second signal ended the waiting of the finish (G9).
	ErrForced = errors.New("forced by a second signal: the finish was cut short")

	// ErrGoexit says that a callback ended its goroutine by runtime.Goexit instead of returning.
	ErrGoexit = errors.New("the callback ended its goroutine (runtime.Goexit)")

	// ErrTimeout says that a callback, or the whole finish, overran its limit, or that a block had no time left for the
	// answer to its [Request].
	ErrTimeout = errors.New("time limit exceeded")

	// ErrLaunched is returned by a second call of [Launch] from inside a callback of a block, which
	// can't wait for its own end. A second call from elsewhere waits and returns what the first returns.
	ErrLaunched = errors.New("already launched: a callback of a block can't wait for the end of its process")
)

// SignalError is the cause of a stop by a signal.
type SignalError struct{ Signal os.Signal }

func (e *SignalError) Error() string { return fmt.Sprintf("signal %v", e.Signal) }

// FinishRequestError is the cause of a stop by [FinishMsg].
type FinishRequestError struct{ By BlockDescriptor }

func (e *FinishRequestError) Error() string {
	return fmt.Sprintf("finish message from block %q", e.By.Responsibility)
}

// ContextError is the cause of a stop by the end of the context of [WithContext]; it wraps that context's cause.
type ContextError struct{ Err error }

func (e *ContextError) Error() string { return fmt.Sprintf("context ended: %v", e.Err) }
func (e *ContextError) Unwrap() error { return e.Err }

// SetupError lists everything that is wrong with the set-up of a process; no Init has run (G1).
type SetupError struct{ Faults []error }

func (e *SetupError) Error() string {
	if len(e.Faults) == 1 {
		return "set-up: " + e.Faults[0].Error()
	}
	return fmt.Sprintf("set-up: %d faults:%s", len(e.Faults), indented(e.Faults))
}
func (e *SetupError) Unwrap() []error { return e.Faults }

// InitError says which block did not come up: at the start it keeps the process from coming up (G2).
type InitError struct {
	Block    BlockDescriptor
	Callback string // "Init" or "Attach"; in a restart also "factory"
	// Position of the block in the order of initialisation, from 1, and how many blocks there are.
	// The finisher is the first, the connector, where there is one, the second.
	Position, Of int
	// Err is what Init returned, a *PanicError, ErrGoexit, an *AbandonedError, or the cause of a stop, alone or
	// with one of these; a *SetupError where it is the factory.
	Err error
}

func (e *InitError) Error() string {
	return fmt.Sprintf("block %s (%d of %d): %s: %v", e.Block, e.Position, e.Of, e.Callback, e.Err)
}
func (e *InitError) Unwrap() error { return e.Err }

// BlockError is a failure of one callback of one block.
type BlockError struct {
	Block    BlockDescriptor
	Callback string // "Run", "OnMsg", "OnServerConnect", "OnServerDisconnect" or "Finish"
	Err      error
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("block %s: %s: %v", e.Block, e.Callback, e.Err)
}
func (e *BlockError) Unwrap() error { return e.Err }

// PanicError is a panic that was caught in a callback (G11).
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the panicking goroutine
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// AbandonedError says that callbacks of a block did not return within their limit and were left behind with their
// goroutines: in the finish, which went on without the block (G7), in its removal, for a restart, or in Init or Attach.
type AbandonedError struct {
	Block     BlockDescriptor
	Callbacks []string      // those that did not return
	After     time.Duration // how long they were waited for
	Stacks    string        // of this block's goroutines only, up to a second old, in the form of the goroutine profile
}

func (e *AbandonedError) Error() string {
	return fmt.Sprintf("block %s: abandoned after %v: %s did not return",
		e.Block, e.After.Round(time.Millisecond), strings.Join(e.Callbacks, ", "))
}

// Unwrap makes errors.Is(err, ErrTimeout) true.
func (e *AbandonedError) Unwrap() error { return ErrTimeout }

// UnhandledError counts the messages that a block's mailbox accepted and that were not handled (G13): OnMsg never saw
// them, or did not return.
type UnhandledError struct {
	Block BlockDescriptor
	Count uint64
}

func (e *UnhandledError) Error() string {
	return fmt.Sprintf("block %s: accepted messages left unhandled: %d", e.Block, e.Count)
}

// FlightError is what launch, or Prepare, returns when a process did not end cleanly (G8). Its text ends with
// the stacks of panics and of abandoned blocks.
type FlightError struct {
	Cause  error   // why the process stopped; first cause wins
	Faults []error // then, in order of the finish, what failed, was abandoned or was left unhandled
}

func (e *FlightError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stopped by: %v%s", e.Cause, indented(e.Faults))
	for _, err := range e.Unwrap() {
		if s := stacksIn(err); s != "" {
			fmt.Fprintf(&b, "\n\n%v\n%s", err, s)
		}
	}
	return b.String()
}

func indented(faults []error) string {
	var b strings.Builder
	for _, f := range faults {
		b.WriteString("\n\t" + f.Error())
	}
	return b.String()
}

// Unwrap returns the cause, then the faults.
func (e *FlightError) Unwrap() []error { return append([]error{e.Cause}, e.Faults...) }

func stacksIn(err error) string {
	if a, ok := errors.AsType[*AbandonedError](err); ok {
		return a.Stacks
	}
	if p, ok := errors.AsType[*PanicError](err); ok {
		return string(p.Stack)
	}
	return ""
}
