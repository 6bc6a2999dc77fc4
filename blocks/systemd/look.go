package systemd

import (
	"time"

	"github.com/sputnik-go/sputnik"
)

// looker asks for the status of the process on a goroutine of its own, so that an engine that hangs is noticed. One
// question is open at a time.
type looker struct {
	ask     func() sputnik.Status
	pending chan sputnik.Status // the open question; nil: none
}

// look returns false where the answer doesn't come within the limit; the next look waits for the same answer.
func (l *looker) look(limit time.Duration) (sputnik.Status, bool) {
	if l.pending == nil {
		answer := make(chan sputnik.Status, 1)
		go func() { answer <- l.ask() }()
		l.pending = answer
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case s := <-l.pending:
		l.pending = nil
		return s, true
	case <-late.C:
		return sputnik.Status{}, false
	}
}

// close waits for the answer to an open question.
func (l *looker) close() {
	if l.pending != nil {
		<-l.pending
	}
}
