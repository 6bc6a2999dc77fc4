package httpin

import (
	"context"
	"sync"
	"time"
)

// receipt notes which messages of a request are stored for good.
type receipt struct {
	mu     sync.Mutex
	told   []bool
	errs   []error // of those that were given up
	open   int
	stored int
	all    chan struct{} // closed when no message is open
}

func newReceipt(messages int) *receipt {
	return &receipt{told: make([]bool, messages), errs: make([]error, messages), open: messages, all: make(chan struct{})}
}

// done is for the receiving block: it is to be called once, from any goroutine; a second call does nothing.
func (r *receipt) done(index int) func(error) {
	return func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.told[index] {
			return
		}
		r.told[index], r.errs[index] = true, err
		if err == nil {
			r.stored++
		}
		if r.open--; r.open == 0 {
			close(r.all)
		}
	}
}

// wait waits until no message is open; or for limit, or until one of the others is closed.
func (r *receipt) wait(client context.Context, limit time.Duration, hurry <-chan struct{}) verdict {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.all:
		return taken
	case <-timer.C:
		return tooLong
	case <-hurry:
		return hurried
	case <-client.Done():
		return gone
	}
}

// fill notes in o how it stands now, and tells how many messages are open, and how many given up.
func (r *receipt) fill(o *outcome) (open, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored := r.stored
	o.Stored = &stored
	first := -1
	for i, err := range r.errs {
		switch {
		case err != nil:
			lost++
			if len(o.GivenUp) < maxGivenUp {
				o.GivenUp = append(o.GivenUp, givenUp{i, err.Error()})
			}
		case !r.told[i]:
			if first < 0 {
				first = i
			}
			open++
		}
	}
	if first >= 0 {
		o.ResendFrom = &first
	}
	return open, lost
}
