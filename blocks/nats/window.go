package nats

import (
	"time"

	"github.com/nats-io/nats.go"
)

// entry is a message that the stream has not acknowledged.
type entry struct {
	msg   nats.Msg // without its header: that is made when it is published
	id    string
	done  func(error) // nil: nobody asks
	first time.Time   // when it was first published; zero: not yet
	sent  time.Time   // when it was last published
	again bool        // to be published again soon: another message of its id was being stored
	floor uint64      // if it is stored, then behind this sequence
	size  int         // bytes of payload that it holds in memory

	settled bool        // stored or given up, but not the oldest
	dead    *deadLetter // nil: it is none
}

// window holds the unacknowledged messages in the order in which they came.
type window struct {
	entries []*entry
	bytes   int
}

func (w *window) len() int { return len(w.entries) }

// unsettled counts what is not stored, and the bytes of it.
func (w *window) unsettled() (n, bytes int) {
	for _, e := range w.entries {
		if !e.settled {
			n++
			bytes += e.size
		}
	}
	return n, bytes
}

func (w *window) push(e *entry) {
	w.entries = append(w.entries, e)
	w.bytes += e.size
}

// find returns the entry of a message. It is the oldest one, except where two streams are at work.
func (w *window) find(msg *nats.Msg) *entry {
	for _, e := range w.entries {
		if &e.msg == msg {
			return e
		}
	}
	return nil
}

// trim removes what is settled at the front.
func (w *window) trim() {
	for len(w.entries) > 0 && w.entries[0].settled {
		w.bytes -= w.entries[0].size
		w.entries[0] = nil
		w.entries = w.entries[1:]
	}
}

// keep removes all that keep says no to.
func (w *window) keep(keep func(*entry) bool) {
	old := w.entries
	w.entries, w.bytes = make([]*entry, 0, len(old)), 0
	for _, e := range old {
		if keep(e) {
			w.push(e)
		}
	}
}
