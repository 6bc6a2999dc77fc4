package backoff

import (
	"slices"
	"time"
)

// Storm counts failures that come too close together.
type Storm struct {
	// First is the one that it began with.
	First error
	at    []time.Time
}

// Count notes a failure, and returns how many there are within the window; false says that they are more than most.
func (s *Storm) Count(failure error, most int, window time.Duration) (n int, ok bool) {
	s.at = slices.DeleteFunc(s.at, func(t time.Time) bool { return time.Since(t) >= window })
	if len(s.at) == 0 {
		s.First = failure
	}
	if len(s.at) >= most {
		return len(s.at), false
	}
	s.at = append(s.at, time.Now())
	return len(s.at), true
}
