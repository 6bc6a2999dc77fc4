package sputniktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

var errLate = errors.New("it did not happen in time")

// journal is a list that only grows, and that can be waited on. Its zero value is ready; it may be made outside of
// the bubble in which it is used.
type journal[T any] struct {
	mu      sync.Mutex
	entries []T
	grown   chan struct{} // made by who waits, closed by the next entry
}

func (j *journal[T]) add(e T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// from returns the entries after the first n, and what is closed when there are more.
func (j *journal[T]) from(n int) ([]T, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return slices.Clone(j.entries[n:]), j.grown
}

// await returns the first entry that decide is done with, and what decide says of it. Entries of the past count. quit
// ends the waiting, as the limit does.
func (j *journal[T]) await(limit time.Duration, quit <-chan struct{}, decide func(T) (done bool, err error)) (T, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for seen := 0; ; {
		entries, grown := j.from(seen)
		for _, e := range entries {
			if done, err := decide(e); done {
				return e, err
			}
		}
		seen += len(entries)
		var none T
		select {
		case <-grown:
		case <-timer.C:
			return none, errLate
		case <-quit:
			return none, errLate
		}
	}
}

// last prints the newest entries, one a line.
func (j *journal[T]) last(n int) string {
	entries := j.all()
	entries = entries[max(0, len(entries)-n):]
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "\n\t%T%+v", e, e)
	}
	return b.String()
}
