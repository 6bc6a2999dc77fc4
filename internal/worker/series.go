package worker

import (
	"sync"
	"time"
)

// Outcome says what to make of the outcome of a step, which took so long; false ends the series. It is called with a
// lock held, while nobody can give the step up, so it must not wait.
type Outcome func(took time.Duration) (more bool)

// Each runs steps from first to last-1 without a handover between them, and waits for each as long as p says; a grace
// ends for whichever step is in progress then. Each step calls done once with its outcome, and may end the goroutine
// afterwards. What a step that was given up calls it with is ignored.
// Each returns the step that was given up, and how long it ran, or last. The worker is to be given up then.
func (w *Worker) Each(first, last int, p Patience, step func(i int, done func(Outcome))) (hung int, ran time.Duration) {
	s := &series{step: step, i: first, last: last, began: time.Now(), idle: make(chan struct{}, 1)}
	for s.i < s.last {
		w.Run(s.run)
		if p.await(s) {
			continue // a step may have ended the goroutine
		}
		return s.i, time.Since(s.began)
	}
	return last, 0
}

// series is a row of steps. While a goroutine runs them, its fields are guarded by the lock.
type series struct {
	step func(i int, done func(Outcome))
	idle chan struct{} // 1 slot: no goroutine runs them any more

	mu      sync.Mutex
	i, last int
	began   time.Time // step i
	givenUp bool
}

func (s *series) run() {
	defer Nudge(s.idle)
	done := s.done
	for i, over := s.next(); !over; i, over = s.next() {
		s.step(i, done)
	}
}

func (s *series) next() (i int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.i, s.i >= s.last || s.givenUp
}

func (s *series) done(outcome Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.givenUp {
		return
	}
	now := time.Now()
	s.i++
	if !outcome(now.Sub(s.began)) {
		s.last = s.i
	}
	s.began = now
}

// giveUp leaves the step in progress behind if it has run for the limit. Else it tells how long to wait at least.
func (s *series) giveUp(limit time.Duration) (left time.Duration, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.i >= s.last {
		return limit, false
	}
	left = time.Until(s.began.Add(limit))
	s.givenUp = left <= 0
	return left, s.givenUp
}

// await returns true when no goroutine runs the steps any more, and false when one was given up.
func (p Patience) await(s *series) (idle bool) {
	var up, over <-chan time.Time
	var timer *time.Timer
	if p.Limit > 0 {
		timer = time.NewTimer(p.Limit)
		defer timer.Stop()
		up = timer.C
	}
	for {
		limit := time.Duration(0)
		select {
		case <-s.idle:
			return true
		case <-p.Interrupt:
			p.Interrupt, over = nil, time.After(p.Grace)
			continue
		case <-up:
			limit = p.Limit
		case <-over:
		case <-p.Abort:
			p.Abort = nil
		}
		left, gone := s.giveUp(limit)
		if gone {
			return false
		}
		if limit > 0 {
			timer.Reset(left)
		}
	}
}
