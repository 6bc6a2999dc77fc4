// Package allowance keeps the time that a finish has.
package allowance

import (
	"sync"
	"time"
)

// Allowance is the time of a finish that is yet to begin, or has begun. It can be cut, once.
type Allowance struct {
	total, grace time.Duration
	isCut        chan struct{}

	mu    sync.Mutex
	ends  time.Time // zero: not begun
	cause error     // of the cut
}

// New makes an allowance of so much time; cut, it is grace.
func New(total, grace time.Duration) *Allowance {
	return &Allowance{total: total, grace: grace, isCut: make(chan struct{})}
}

// Begin begins to spend it.
func (a *Allowance) Begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ends = time.Now().Add(a.total)
	if a.cause != nil {
		a.ends = time.Now().Add(min(a.total, a.grace))
	}
}

// Cut leaves no more than the grace from now on, or exactly that where all is used up. It tells whether it was the
// first to cut.
func (a *Allowance) Cut(cause error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause != nil {
		return false
	}
	a.cause = cause
	if left := time.Until(a.ends); left <= 0 || left > a.grace {
		a.ends = time.Now().Add(a.grace)
	}
	close(a.isCut)
	return true
}

// IsCut is closed by the cut.
func (a *Allowance) IsCut() <-chan struct{} { return a.isCut }

// Cause returns that of the cut; nil before.
func (a *Allowance) Cause() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cause
}

// Left is what is left of it; all of it before it began.
func (a *Allowance) Left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ends.IsZero() {
		return a.total
	}
	return time.Until(a.ends)
}

// Half stands for a reserve of half of what is left.
const Half time.Duration = -1

// Share is that of one of so many who spend it one after another: its own limit, if it isn't 0, or all that is left but
// for the reserve, of which more than a quarter of what is left is never kept.
func (a *Allowance) Share(limit, reserve time.Duration, all int) time.Duration {
	left := a.Left()
	share := left - min(left/4, reserve)
	switch {
	case limit > 0:
		share = min(limit, left)
	case reserve == Half:
		share = left / 2
	}
	// A little, even when all is used up; but not so much that thousands who hang add up.
	return max(share, min(time.Millisecond, a.grace/time.Duration(all)))
}
