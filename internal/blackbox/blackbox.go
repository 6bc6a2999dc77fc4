// Package blackbox keeps the last events of a process and, when one of them is trouble, writes a report for whoever is
// woken by it.
package blackbox

import (
	"log/slog"
	"time"
)

const (
	kept     = 64
	pause    = time.Second // between two reports
	troubles = 32          // in a report; more are counted
	maxRows  = 500         // in a report; likewise
)

// Box keeps events. The zero value is ready; it is not safe for concurrent use.
type Box struct {
	events   []event
	last     time.Time // of the last report
	troubles []trouble // since
	more     int       // troubles that are only counted
}

type event struct {
	slog.Record
	trouble bool
}

type trouble struct{ why, stacks string }

// Note keeps an event; why says that it is trouble, and stacks belong to it. It returns true when a report is due: once a
// second at most, or at the end of everything, which is not put off.
func (b *Box) Note(r slog.Record, why, stacks string, end bool) (due bool) {
	if len(b.events) == kept {
		b.events = append(b.events[:0], b.events[1:]...)
	}
	b.events = append(b.events, event{r, why != ""})
	switch {
	case why == "":
	case len(b.troubles) == troubles:
		b.more++
	default:
		b.troubles = append(b.troubles, trouble{why, stacks})
	}
	return len(b.troubles) > 0 && (end || r.Time.Sub(b.last) >= pause)
}

// Report returns the first trouble since the last report, and a report of all of them.
func (b *Box) Report(facts []Fact, columns []string, rows []Row) (why, text string) {
	why, text = b.troubles[0].why, b.write(facts, columns, rows)
	b.last, b.troubles, b.more = b.events[len(b.events)-1].Time, nil, 0
	return why, text
}
