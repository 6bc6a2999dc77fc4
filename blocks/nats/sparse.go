package nats

import "time"

// sparse counts what may occur for each message. Only the first is to be logged, and then at most one in a second.
type sparse struct {
	count  uint64
	logged time.Time
}

// next counts one more, and tells whether to log it.
func (s *sparse) next() bool {
	s.count++
	if time.Since(s.logged) < time.Second {
		return false
	}
	s.logged = time.Now()
	return true
}
