// Package blackbox keeps the last events of a process and, when one of them is trouble, writes a report for whoever is
// woken by it.
package blackbox

import (
	"log/slog"
	"time"

	"github.com/sputnik-go/sputnik/internal/logline"
)

const (
	kept     = 64
	pause    = time.Second // between two reports
	troubles = 32          // in a report; more are counted
	maxRows  = 500         // in a report; likewise
)

// Box keeps events. The zero value is ready; it is not safe for concurrent use.
type Box struct {
	Wake func() // asks for a Tick; called a second after a report, where there is more to tell

	events   []event
	last     time.Time // of the last report
	troubles []trouble // since
	more     int       // troubles that are only counted
	now      time.Time // of the last note
	waking   bool      // Wake is going to be called
}

type event struct {
	slog.Record
	trouble bool
}

type trouble struct{ why, stacks string }

// Kind says what to make of an event.
type Kind uint8

// The kinds.
const (
	Plain Kind = iota // trouble, if it has an attribute with stacks
	Alarm             // trouble
	End               // the last one: it only sums up, and what is left to report is due
	Tick              // no event at all: what could not be told at once is due
)

// Note keeps an event, with stacks that belong to it beside those in its attributes. It returns true when a report is
// due, once a second at most.
func (b *Box) Note(r slog.Record, kind Kind, stacks string) (due bool) {
	b.now = r.Time
	if kind == Tick {
		b.waking = false
	} else {
		b.keep(r, kind, stacks)
	}
	switch early := pause - b.now.Sub(b.last); {
	case len(b.troubles) == 0:
		return false
	case kind == End || early <= 0:
		return true
	case !b.waking && b.Wake != nil:
		b.waking = true
		time.AfterFunc(early, b.Wake)
	}
	return false
}

func (b *Box) keep(r slog.Record, kind Kind, stacks string) {
	why := ""
	bad := kind == Alarm
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case logline.Stacks:
			bad, stacks = bad || kind == Plain, a.Value.String()
		case logline.Error:
			why = a.Value.String()
		}
		return true
	})
	if why == "" {
		why = words(r)
	}
	if len(b.events) == kept {
		b.events = append(b.events[:0], b.events[1:]...)
	}
	b.events = append(b.events, event{r, bad})
	switch {
	case !bad:
	case len(b.troubles) == troubles:
		b.more++
	default:
		b.troubles = append(b.troubles, trouble{why, stacks})
	}
}

// Report returns the first trouble since the last report, and a report of all of them.
func (b *Box) Report(facts []Fact, columns []string, rows []Row) (why, text string) {
	why, text = b.troubles[0].why, b.write(facts, columns, rows)
	b.last, b.troubles, b.more = b.now, nil, 0
	return why, text
}
