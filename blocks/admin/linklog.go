package admin

import (
	"slices"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// LinkChange is one item of the connection's history. Failed attempts in a row are one.
type LinkChange struct {
	Time    time.Time `json:"time"`
	Until   time.Time `json:"until"` // the last of those that are one; else as Time
	Count   int       `json:"count"`
	Kind    string    `json:"kind"`
	Level   string    `json:"level"`
	Text    string    `json:"text"`
	Attempt int       `json:"attempt"` // 0 where it isn't about one
	Error   string    `json:"error"`
}

const linkChanges = 32

// linkLog is what became of the connection so far.
type linkLog struct {
	mu       sync.Mutex
	attempts uint64
	losses   uint64
	history  []LinkChange
}

// note takes an event, and what it is as an entry; one that isn't about the connection is left out.
func (l *linkLog) note(e sputnik.Event, entry Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	attempt := 0
	switch e := e.(type) {
	case sputnik.Connected:
		l.attempts++
		attempt = e.Attempt
	case sputnik.ConnectFailed:
		l.attempts++
		attempt = e.Attempt
	case sputnik.ConnectionLost:
		l.losses++
	case sputnik.Disconnected, sputnik.ConnectorStalled, sputnik.ConnectorFaulted:
	default:
		return
	}
	c := LinkChange{
		Time: entry.Time, Until: entry.Time, Count: 1, Kind: entry.Kind, Level: entry.Level, Text: entry.Text,
		Attempt: attempt, Error: entry.Attributes["error"],
	}
	if n := len(l.history); n > 0 && l.history[n-1].Kind == c.Kind {
		c.Time, c.Count = l.history[n-1].Time, l.history[n-1].Count+1
		l.history = l.history[:n-1]
	}
	l.history = append(l.history, c)
	if n := len(l.history); n > linkChanges {
		l.history = slices.Delete(l.history, 0, n-linkChanges)
	}
}

func (l *linkLog) snapshot() (attempts, losses uint64, history []LinkChange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts, l.losses, slices.Clone(l.history)
}
