package worker

import (
	"sync"
	"time"
)

// Each runs steps from first to last-1 on the worker's goroutine without a handover between them, and waits for each as
// long as p says; a grace ends for whichever step is in progress then. Each step calls done once with its outcome, and
// may end the goroutine afterwards. came is told of it, and how long the step took; false ends the series. It is called
// with a lock held, while nobody can give the step up, so it must not wait.
//
// Each returns the step that was given up, which came is not told of, and how long it ran; or last. After a step that
// was given up, so is the worker to be.
func Each[T any](
	w *Worker, first, last int, p Patience,
	step func(i int, done func(T, error)), came func(i int, result T, err error, took time.Duration) (more bool),
) (hung int, ran time.Duration) {
	s := &series[T]{step: step, came: came, row: row{i: first, last: last, began: time.Now(), idle: make(chan struct{}, 1)}}
	for s.i < s.last {
		w.Run(s.run)
		if !s.await(p) {
			return s.i, time.Since(s.began)
		} // else all came, or a step has ended the goroutine
	}
	return last, 0
}

type series[T any] struct {
	row
	step func(i int, done func(T, error))
	came func(i int, result T, err error, took time.Duration) (more bool)
}

// row is how far a series has come. While a goroutine runs it, the fields below the lock are guarded by that.
type row struct {
	idle chan struct{} // 1 slot: no goroutine runs it any more

	mu      sync.Mutex
	i, last int
	began   time.Time // step i
	givenUp bool
}

func (s *series[T]) run() {
	defer Nudge(s.idle)
	done := s.done
	for i, over := s.next(); !over; i, over = s.next() {
		s.step(i, done)
	}
}

func (s *row) next() (i int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.i, s.i >= s.last || s.givenUp
}

func (s *series[T]) done(result T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.givenUp {
		return
	}
	now := time.Now()
	i := s.i
	s.i++
	if !s.came(i, result, err, now.Sub(s.began)) {
		s.last = s.i
	}
	s.began = now
}

// giveUp leaves the step in progress behind if it has run for the limit. Else it tells how long to wait at least.
func (s *row) giveUp(limit time.Duration) (left time.Duration, gone bool) {
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
func (s *row) await(p Patience) (idle bool) {
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
