package nats

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// entry is a message that the stream has not acknowledged.
type entry struct {
	msg    *nats.Msg
	id     string
	future jetstream.PubAckFuture // of the last publishing
	first  time.Time              // when it was first published; zero: not yet
	floor  uint64                 // if it is stored, then behind this sequence
}

// window holds the unacknowledged messages in the order in which they came.
type window struct {
	entries []*entry
	bytes   int
}

func (w *window) len() int { return len(w.entries) }

func (w *window) head() *entry { return w.entries[0] }

func (w *window) push(e *entry) {
	w.entries = append(w.entries, e)
	w.bytes += len(e.msg.Data)
}

func (w *window) pop() {
	w.bytes -= len(w.entries[0].msg.Data)
	w.entries[0] = nil
	w.entries = w.entries[1:]
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
