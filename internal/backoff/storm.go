package backoff

import (
	"slices"
	"time"
)

// Storm counts failures that come too close together.
type Storm struct{ failures []failure }

type failure struct {
	at  time.Time
	err error
}

// First returns the first failure within the window, as of the last count.
func (s *Storm) First() error { return s.failures[0].err }

// Count notes a failure, and returns how many there are within the window; false says that they are more than most.
func (s *Storm) Count(err error, most int, window time.Duration) (n int, ok bool) {
	s.failures = slices.DeleteFunc(s.failures, func(f failure) bool { return time.Since(f.at) >= window })
	if len(s.failures) >= most {
		return len(s.failures), false
	}
	s.failures = append(s.failures, failure{time.Now(), err})
	return len(s.failures), true
}
