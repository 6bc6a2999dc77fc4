package systemd

import (
	"maps"
	"time"

	"github.com/sputnik-go/sputnik"
)

// progress remembers, from look to look, what got on. It is a value: observe returns the next one.
type progress struct {
	ending  bool // the process has a cause to stop
	marks   map[string]mark
	movedAt time.Time            // the last look at which anything had got on
	idleAt  map[string]time.Time // by responsibility: the last look at which the mailbox had got on, or was empty
}

// mark changes when a block gets on: it changes its state, or handles a message. To accept one isn't enough.
type mark struct {
	state    sputnik.State
	since    time.Time
	restarts int
	handled  uint64
}

// observe compares with the look before, and tells whether anything got on since.
func (p progress) observe(s sputnik.Status, now time.Time) (next progress, moved bool) {
	next = progress{ending: s.Cause != nil, marks: make(map[string]mark), movedAt: p.movedAt, idleAt: make(map[string]time.Time)}
	for _, b := range s.Blocks {
		resp := b.Block.Responsibility
		m := mark{b.State, b.Since, b.Restarts, b.Mailbox.Handled}
		next.marks[resp] = m
		last, known := p.idleAt[resp]
		if !known || !s.Ready || b.Mailbox.Depth == 0 || m != p.marks[resp] {
			last = now
		}
		next.idleAt[resp] = last
	}
	moved = next.ending != p.ending || !maps.Equal(p.marks, next.marks)
	if moved {
		next.movedAt = now
	}
	return next, moved
}
