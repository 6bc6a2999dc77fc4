package sputnik

import (
	"fmt"
	"runtime/debug"

	"github.com/sputnik-go/sputnik/internal/errs"
)

// guard runs fn and hands its outcome to done: what it returned, a *PanicError, or ErrGoexit, in
// which case the goroutine ends after done (G11).
func guard(fn func() error, done func(error)) {
	err := ErrGoexit // until fn returns
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
		done(err)
	}()
	if err = fn(); err != nil && errs.IsNil(err) {
		err = fmt.Errorf("a nil %T was returned as an error: return a plain nil", err)
	}
}

// isGoexit tells a callback that ended its goroutine from one that panicked with ErrGoexit.
func isGoexit(err error) bool { return err == ErrGoexit } //nolint:errorlint // a panic may wrap it
