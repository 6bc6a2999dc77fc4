// Package worker runs steps that may hang, or end their goroutine, and waits for them only so long.
package worker

import "time"

// Worker runs steps one after another on one goroutine. A step that ends the goroutine, or that is given up, costs
// the goroutine; the next step gets a new one. The zero value is ready; it is not safe for concurrent use. For many
// steps see [Worker.Each].
type Worker struct{ steps chan func() }

// Run hands a step over; it waits for the step before.
func (w *Worker) Run(step func()) {
	if w.steps == nil {
		w.steps = make(chan func())
		go work(w.steps)
	}
	w.steps <- step
}

// Start hands over a step that tells its outcome, once; the returned channel has room for it.
func (w *Worker) Start(step func(done func(error))) <-chan error {
	outcome := make(chan error, 1)
	w.Run(func() { step(func(err error) { outcome <- err }) })
	return outcome
}

// GiveUp lets the goroutine end as soon as its step returns, if ever.
func (w *Worker) GiveUp() {
	if w.steps != nil {
		close(w.steps)
		w.steps = nil
	}
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

// Patience says how long a step is waited for: up to Limit (0: none), or for Grace more once Interrupt is
// closed, or until Abort is.
type Patience struct {
	Limit, Grace     time.Duration
	Interrupt, Abort <-chan struct{}
}

// Await returns the outcome of a step, and false when it didn't come in time.
func (p Patience) Await(done <-chan error) (outcome error, came bool) { //nolint:revive // the error is the value here
	var up <-chan time.Time
	if p.Limit > 0 {
		timer := time.NewTimer(p.Limit)
		defer timer.Stop()
		up = timer.C
	}
	var over <-chan time.Time
	for {
		select {
		case err := <-done:
			return err, true
		case <-p.Interrupt:
			p.Interrupt = nil
			over = time.After(p.Grace)
		case <-up:
			return nil, false
		case <-over:
			return nil, false
		case <-p.Abort:
			return nil, false
		}
	}
}

// Waiter waits for one thing after another, on one goroutine, until Cut is closed.
type Waiter struct {
	Cut   <-chan struct{}
	timer *time.Timer // of the last wait; nil: there was none
}

// Wait returns false when the time was up, or Cut was closed, before done.
func (w *Waiter) Wait(done <-chan struct{}, until time.Time) bool {
	if Closed(done) {
		return true
	}
	if w.timer == nil {
		w.timer = time.NewTimer(time.Until(until))
	} else {
		w.timer.Reset(time.Until(until))
	}
	defer w.timer.Stop()
	select {
	case <-done:
		return true
	case <-w.timer.C:
	case <-w.Cut:
	}
	return Closed(done)
}

// Callback is one in progress; Done is closed when it has returned.
type Callback struct {
	Name string
	Done <-chan struct{}
}

// Stuck returns the names of those that did not return in time.
func (w *Waiter) Stuck(callbacks []Callback, until time.Time) (stuck []string) {
	for _, c := range callbacks {
		if !w.Wait(c.Done, until) {
			stuck = append(stuck, c.Name)
		}
	}
	return stuck
}

// Wait is that of a [Waiter] that is used once.
func Wait(done <-chan struct{}, until time.Time, cut <-chan struct{}) bool {
	w := Waiter{Cut: cut}
	return w.Wait(done, until)
}

// Closed tells whether a channel is closed, or has something to receive, which is then gone.
func Closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// Nudge wakes whoever receives from a channel of one slot.
func Nudge(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
