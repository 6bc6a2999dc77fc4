// Package watch finds, by looking from time to time, calls that don't return.
package watch

import (
	"cmp"
	"time"
)

// Call is what is remembered of a place where one call follows another. The zero value is ready; it is not safe for
// concurrent use.
type Call struct {
	name  string // in progress; empty: none
	mark  uint64
	since time.Time // first seen
	told  bool
}

// Turn is what a look has found out.
type Turn uint8

// The turns.
const (
	None     Turn = iota // nothing new
	Stalled              // the call in progress runs for longer than the limit
	Returned             // a call that was stalled has come back
)

// See notes one look: at which call is in progress, if any, and at a mark that tells it from the one before, which
// may have the same name. It returns what is new, of which call, and how long that runs or ran, as far as was seen.
func (c *Call) See(name string, mark uint64, limit time.Duration) (turn Turn, of string, took time.Duration) {
	before, took := *c, time.Since(c.since)
	switch {
	case name != c.name || mark != c.mark:
		*c = Call{name: name, mark: mark, since: time.Now()}
		if before.told {
			return Returned, before.name, took
		}
	case name != "" && !c.told && took >= limit:
		c.told = true
		return Stalled, name, took
	}
	return None, "", 0
}

// Stalled names the call that is, and has been told to be, stalled.
func (c *Call) Stalled() string {
	if c.told {
		return c.name
	}
	return ""
}

// Calls is what is remembered of several places; nothing while no call is in progress. The zero value is ready; it is
// not safe for concurrent use.
type Calls struct{ places *[2]Call }

// See is [Call.See] at one of two places.
func (c *Calls) See(place int, name string, mark uint64, limit time.Duration) (turn Turn, of string, took time.Duration) {
	if c.places == nil {
		if name == "" {
			return None, "", 0
		}
		c.places = new([2]Call)
	}
	turn, of, took = c.places[place].See(name, mark, limit)
	if c.places[0].name+c.places[1].name == "" {
		c.places = nil
	}
	return turn, of, took
}

// Stalled is [Call.Stalled] at one of the places.
func (c *Calls) Stalled() string {
	if c.places == nil {
		return ""
	}
	return cmp.Or(c.places[0].Stalled(), c.places[1].Stalled())
}
