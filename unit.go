package sputnik

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

// unit is one place in the process: a block's descriptor, its mailbox and its books. It outlives the block's
// instances, of which a restart makes another one.
type unit struct {
	in       *initiator
	desc     BlockDescriptor
	position int // in the order of initialisation, from 1
	shape    shape

	box     mailbox.Box
	life    atomic.Pointer[life] // the current instance, or the last one
	dropped atomic.Uint64        // by a full mailbox, not yet told to observers
	asked   calls                // requests that wait for an answer of this block
	waits   calls                // its own requests that wait, and its Sends
	watched watched              // of the watchdog only

	mu       sync.Mutex
	state    State
	since    time.Time
	faults   []error // in order; bounded by maxFaults
	lastErr  error
	stalled  string // the callback that overruns its limit
	restarts int
	storm    storm
	ending   chan struct{} // closed when no further restart may begin
	lost     chan struct{} // closed when the restart in progress has to give up
	keeper   chan struct{} // closed when the restart in progress is through; nil: there was none
}

// shape is what all instances of a block have to have in common, as the mailbox is made but once.
type shape struct {
	receives bool
	serial   bool
	capacity int
	overflow Overflow
	restart  RestartPolicy
}

func (b *Block) shape() shape {
	return shape{b.onMsg != nil, b.serial, b.capacity, b.overflow, b.restart}
}

// maxFaults bounds what a block that fails with every message adds to the final error.
const maxFaults = 8

func newUnit(in *initiator, d BlockDescriptor, b *Block, position int) *unit {
	u := &unit{
		in: in, desc: d, position: position, shape: b.shape(),
		state: StateCreated, since: time.Now(), ending: make(chan struct{}), lost: make(chan struct{}),
	}
	u.box.Init(b.capacity, mailbox.Overflow(b.overflow), func(first mailbox.Msg) { u.life.Load().consume(first) }, u.drop)
	u.life.Store(newLife(u, b))
	if b.bind != nil {
		b.bind(u)
	}
	return u
}

func (u *unit) enter(s State) {
	u.mu.Lock()
	u.state, u.since = s, time.Now()
	u.mu.Unlock()
}

// fault adds to the block's part of the final error.
func (u *unit) fault(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lastErr = err
	if len(u.faults) < maxFaults {
		u.faults = append(u.faults, err)
	}
}

// notUp notes, in the books as well, that the block did not come up.
func (u *unit) notUp(callback string, err error) error {
	n := len(u.in.blocks())
	ie := &InitError{Block: u.desc, Callback: callback, Position: u.position, Of: max(n, u.position), Err: err}
	if s := u.status().State; s == StateCreated {
		u.enter(StateFailed)
	}
	u.fault(ie)
	u.in.events.emit(BlockFailed{now(), u.desc, ie})
	return ie
}

// drop is told by the mailbox of each message that DropOldest takes away.
func (u *unit) drop(m mailbox.Msg) {
	if c := u.asked.in(m); c != nil {
		c.fail(ErrMailboxFull)
	}
	if u.in.events.feed == nil {
		return
	}
	if u.dropped.Add(1) == 1 && !u.in.events.emit(dropMark{now(), u}) {
		u.dropped.Store(0)
	}
}

func (u *unit) status() BlockStatus {
	u.mu.Lock()
	s := BlockStatus{
		Block: u.desc, State: u.state, Since: u.since, LastError: u.lastErr, Stalled: u.stalled, Restarts: u.restarts,
	}
	u.mu.Unlock()
	s.WaitsFor = u.waitsFor()
	s.Mailbox = MailboxStatus(u.box.Stats())
	return s
}
