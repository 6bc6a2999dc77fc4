package sputnik

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik/internal/lazy"
	"github.com/sputnik-go/sputnik/internal/mailbox"
	"github.com/sputnik-go/sputnik/internal/stack"
	"github.com/sputnik-go/sputnik/internal/wait"
	"github.com/sputnik-go/sputnik/internal/watch"
)

// unit is one place in the process: a block's descriptor, its mailbox and its books. It outlives the block's
// instances, of which a restart makes another one.
type unit struct {
	box  mailbox.Box                // with peer, what a message touches
	peer wait.Peer[BlockDescriptor] // in requests, and in Sends that wait
	life atomic.Pointer[life]       // the current instance, or the last one

	in       *initiator
	desc     BlockDescriptor
	position int  // in the order of initialisation, from 1
	receives bool // has an OnMsg

	dropped atomic.Uint64 // by a full mailbox, not yet told to observers

	watching sync.Mutex
	watched  watch.Calls // of the connection, and of OnMsg

	mu       sync.Mutex
	book     book
	faults   []error    // in order; bounded by maxFaults
	ending   lazy.Latch // closed when no further restart may begin
	restarts *restarts  // nil: there was none
}

// book is what a block's status tells, but for what is found elsewhere.
type book struct {
	state    State
	since    time.Time
	last     error
	restarts int
	stalled  string
}

// maxFaults bounds what a block that fails with every message adds to the final error.
const maxFaults = 8

func newUnit(in *initiator, d BlockDescriptor, b *Block, position int) *unit {
	u := &unit{
		in: in, desc: d, position: position, receives: b.onMsg != nil, book: book{state: StateCreated, since: time.Now()},
	}
	u.box.Init(b.capacity, mailbox.Overflow(b.overflow), b.onMsg == nil, func() { u.life.Load().consume() }, u.drop)
	u.peer.Name, u.peer.Order = d, position
	u.peer.Inside = func() bool { return stack.Inside((*life).consume) }
	u.peer.OnCircle = func(circle []BlockDescriptor) { emit(in, WaitCycle{now(), circle}) }
	u.life.Store(newLife(u, b))
	if b.bind != nil {
		b.bind(u)
	}
	return u
}

// note makes an entry in the block's book.
func (u *unit) note(entry func(b *book)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	entry(&u.book)
}

func (u *unit) enter(s State) { u.note(func(b *book) { b.state, b.since = s, time.Now() }) }

// failed notes an error, and that it was the end of a state.
func (u *unit) failed(of State, err error) {
	u.note(func(b *book) {
		if b.last = err; b.state == of {
			b.state, b.since = StateFailed, time.Now()
		}
	})
}

// fault adds to the block's part of the final error.
func (u *unit) fault(err error) {
	u.note(func(b *book) {
		b.last = err
		if _, again := err.(*BlockError); !again || len(u.faults) < maxFaults { //nolint:errorlint // what it is itself
			u.faults = append(u.faults, err)
		}
	})
}

// notUp says why the block did not come up.
func (u *unit) notUp(callback string, err error) error {
	ie := &InitError{u.desc, callback, u.position, max(len(u.in.blocks()), u.position), err}
	u.failed(StateCreated, ie)
	emit(u.in, BlockFailed{now(), u.desc, ie})
	return ie
}

// stop stops the process for a failure of this block, unless the block is ending already: that may be a removal.
func (u *unit) stop(cause error) {
	if !u.ending.Closed() {
		u.in.stop(cause)
	}
}

// drop is told by the mailbox of each message that DropOldest takes away.
func (u *unit) drop(m mailbox.Msg) {
	if request := u.peer.Of(m); request != nil {
		request.Fail(ErrMailboxFull)
	}
	if u.in.events.IsOpen() && u.dropped.Add(1) == 1 && !emit(u.in, dropMark{now(), u}) {
		u.dropped.Store(0)
	}
}

func (u *unit) state() (s State) {
	u.note(func(b *book) { s = b.state })
	return s
}

func (u *unit) status() BlockStatus {
	var b book
	u.note(func(now *book) { b = *now })
	other, _ := u.peer.WaitsFor()
	return BlockStatus{u.desc, b.state, b.since, MailboxStatus(u.box.Stats()), b.last, b.restarts, b.stalled, other.Responsibility}
}
