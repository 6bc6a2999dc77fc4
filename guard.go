package sputnik

import (
	"context"
	"fmt"
	"runtime/debug"
	"runtime/pprof"

	"github.com/sputnik-go/sputnik/internal/errs"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// guard runs fn and hands its outcome to done: what it returned, a *PanicError, or ErrGoexit, in
// which case the goroutine ends after done (G11).
func guard(fn func() error, done func(error)) {
	var err error
	returned := false
	defer func() {
		if !returned {
			err = caught(recover())
		}
		done(err)
	}()
	err = fn()
	returned = true
	if err != nil && errs.IsNil(err) {
		err = fmt.Errorf("a nil %T was returned as an error: return a plain nil", err)
	}
}

// caught turns what recover returned, in a function that did not return, into an error.
func caught(v any) error {
	if v == nil {
		return ErrGoexit
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// isGoexit tells a callback that ended its goroutine from one that panicked with ErrGoexit.
func isGoexit(err error) bool { return err == ErrGoexit } //nolint:errorlint // a panic may wrap it

// run starts fn, guarded and under the labels of ctx, on the worker's goroutine. The outcome is sent on the returned channel,
// which has room for it.
func run(w *worker.Worker, ctx context.Context, fn func() error) <-chan error { //nolint:revive // the worker is the receiver, in spirit
	done := make(chan error, 1)
	w.Run(func() {
		pprof.SetGoroutineLabels(ctx)
		guard(fn, func(err error) { done <- err })
	})
	return done
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
