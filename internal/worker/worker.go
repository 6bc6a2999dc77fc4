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

// Wait returns false when the time was up, or cut was closed, before done.
func Wait(done <-chan struct{}, until time.Time, cut <-chan struct{}) bool {
	if Closed(done) {
		return true
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-cut:
	}
	return Closed(done)
}

// Callback is one in progress; Done is closed when it has returned.
type Callback struct {
	Name string
	Done <-chan struct{}
}

// Stuck returns the names of those that did not return in time.
func Stuck(callbacks []Callback, until time.Time, cut <-chan struct{}) (stuck []string) {
	for _, c := range callbacks {
		if !Wait(c.Done, until, cut) {
			stuck = append(stuck, c.Name)
		}
	}
	return stuck
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
