package sputnik

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"
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
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
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

// inCallback tells whether the current goroutine is inside a guarded callback.
func inCallback() bool {
	name := runtime.FuncForPC(reflect.ValueOf(guard).Pointer()).Name()
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == name {
			return true
		}
		if !more {
			return false
		}
	}
}

// isGoexit tells a callback that ended its goroutine from one that panicked with ErrGoexit.
func isGoexit(err error) bool { return err == ErrGoexit } //nolint:errorlint // a panic may wrap it

// worker runs steps one after another on one goroutine. A step that ends the goroutine, or that
// is given up, costs the goroutine; the next step gets a new one.
type worker struct{ steps chan func() }

// run starts fn under the labels of ctx. The outcome is sent on the returned channel, which has room for it.
func (w *worker) run(ctx context.Context, fn func() error) <-chan error {
	if w.steps == nil {
		w.steps = make(chan func())
		go work(w.steps)
	}
	done := make(chan error, 1)
	w.steps <- func() {
		pprof.SetGoroutineLabels(ctx)
		guard(fn, func(err error) { done <- err })
	}
	return done
}

func work(steps chan func()) {
	over := false
	defer func() {
		if !over {
			go work(steps) // a step has ended the goroutine
		}
	}()
	for step := range steps {
		step()
	}
	over = true
}

// patience says how long a step is waited for: up to limit (0: none), or for grace more once interrupt is
// closed, or until abort is.
type patience struct {
	limit, grace     time.Duration
	interrupt, abort <-chan struct{}
}

// await returns the outcome of a step, and false when it didn't come in time.
func (p patience) await(done <-chan error) (error, bool) { //nolint:revive // the error is the value here
	var up <-chan time.Time
	if p.limit > 0 {
		timer := time.NewTimer(p.limit)
		defer timer.Stop()
		up = timer.C
	}
	var over <-chan time.Time
	for {
		select {
		case err := <-done:
			return err, true
		case <-p.interrupt:
			p.interrupt = nil
			over = time.After(p.grace)
		case <-up:
			return nil, false
		case <-over:
			return nil, false
		case <-p.abort:
			return nil, false
		}
	}
}

// giveUp lets the goroutine end as soon as its step returns, if ever.
func (w *worker) giveUp() {
	if w.steps != nil {
		close(w.steps)
		w.steps = nil
	}
}

// Labels tell the goroutines of a block from all others, those that the block started included: a goroutine
// inherits the labels of the one that starts it.
const (
	flightLabel = "sputnik"
	blockLabel  = "block"
)

func labelled(ctx context.Context, flight, resp string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(flightLabel, flight, blockLabel, resp))
}

// stacks returns those goroutines from the goroutine profile that carry the labels of a block.
func stacks(flight, resp string) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return "no stacks: " + err.Error()
	}
	isFlight := fmt.Sprintf("%q:%q", flightLabel, flight)
	isBlock := fmt.Sprintf("%q:%q", blockLabel, resp)
	var own []string
	_, records, _ := strings.Cut(profile.String(), "\n") // a headline
	for record := range strings.SplitSeq(records, "\n\n") {
		if strings.Contains(record, "pprof.writeGoroutine") {
			continue // the one that asks
		}
		for line := range strings.Lines(record) {
			if strings.HasPrefix(line, "# labels:") && strings.Contains(line, isFlight) && strings.Contains(line, isBlock) {
				own = append(own, strings.TrimSpace(record))
				break
			}
		}
	}
	return strings.Join(own, "\n\n")
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
