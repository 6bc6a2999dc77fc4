// Package mailbox is the queue in front of a block's OnMsg.
package mailbox

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sputnik-go/sputnik/internal/fifo"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// Msg is a message. A nil one has a meaning of its own here.
type Msg = map[string]any

// Overflow says what becomes of a message that finds a bounded box full.
type Overflow uint8

// The overflow policies.
const (
	Reject Overflow = iota + 1
	DropOldest
	Wait
)

// Stats is a snapshot. After Settle, everything sent is Handled, Rejected or Dead.
type Stats struct {
	Depth     int
	HighWater int
	Capacity  int
	Accepted  uint64
	Handled   uint64
	Rejected  uint64
	Dead      uint64
}

// Box is a queue with any number of senders and one consumer goroutine.
//
// Messages lie in a chain of chunks. The consumer takes the whole chain under one lock and works it
// off without; a consumer that found nothing parks, and gets the next message inside its wake-up. The
// consumer goroutine starts with the first message, not before (an idle block costs none), and
// not before Open.
//
// A bounded mailbox is consumed one by one, so that the bound and DropOldest are exact.
type Box struct {
	// What a Send to a parked consumer touches lies in one cache line.
	mu       sync.Mutex
	refuses  bool     // nothing is accepted any more, or ever
	opened   bool     // Run was started, and there is no pause
	running  bool     // a consumer goroutine exists
	parked   bool     // and waits on wake
	wake     chan Msg // 1 slot, made with the consumer; nil means: look around
	accepted uint64
	chain    fifo.Queue[Msg]

	capacity  int
	high      int
	overflow  Overflow
	closed    bool          // nothing more is accepted
	calledOff bool          // nothing more is handled
	waiters   []*Waiter     // senders held by Wait, in order
	drained   chan struct{} // made by Close; closed when the consumer is gone for good, or was never needed
	paused    chan struct{} // made by Pause; closed when the consumer is gone
	final     *Stats
	rejected  uint64
	dropped   uint64      // by DropOldest
	consume   func()      // body of the consumer goroutine
	lost      func(m Msg) // gets what DropOldest takes away
	_         [24]byte

	// What the consumer writes lies in another one.
	signs   atomic.Uint32 // news, off
	handled atomic.Uint64 // OnMsg came back, one way or another
	batch   fifo.Queue[Msg]
	held    Msg // the next one, ahead of all others
}

// Signs that the consumer sees before the next message.
const (
	news uint32 = 1 << iota // something other than messages waits for it
	off                     // paused or called off: it has to end
)

// Waiter is a sender that Wait holds.
type Waiter struct {
	msg   Msg
	taken chan bool // 1 slot: true when msg was accepted

	decided atomic.Bool
}

func (w *Waiter) decide(accepted bool) {
	w.decided.Store(true)
	w.taken <- accepted
}

// Pending tells that the sender is still held.
func (w *Waiter) Pending() bool { return !w.decided.Load() }

// Init makes a box usable. A capacity of 0 is unbounded; a deaf box takes no messages. consume is the body of the
// consumer goroutine: it handles what Next returns. lost gets each message that DropOldest drops.
func (b *Box) Init(capacity int, overflow Overflow, deaf bool, consume func(), lost func(m Msg)) {
	b.capacity, b.overflow, b.refuses, b.consume, b.lost = capacity, overflow, deaf, consume, lost
}

// Send hands m over and tells whether it was accepted; nil never is. Where the overflow policy is Wait and the box is
// full, it isn't, and not counted either: it is to be given to Hold.
func (b *Box) Send(m Msg) (accepted, full bool) {
	b.mu.Lock()
	switch {
	case b.refuses || m == nil:
		b.rejected++
		b.mu.Unlock()
		return false, false
	case b.parked:
		b.accepted++
		b.parked = false
		b.wake <- m // there is room: one wake-up for each time it parks
		b.mu.Unlock()
		return true, false
	case b.capacity > 0 && b.chain.Len() >= b.capacity:
		return b.sendToFull(m) // unlocks
	}
	b.push(m)
	b.mu.Unlock()
	return true, false
}

// sendToFull applies the overflow policy. It is called with the lock held, and releases it.
func (b *Box) sendToFull(m Msg) (accepted, full bool) {
	if b.overflow != DropOldest {
		if full = b.overflow == Wait; !full {
			b.rejected++
		}
		b.mu.Unlock()
		return false, full
	}
	oldest := b.chain.Pop()
	b.dropped++
	b.push(m)
	b.mu.Unlock()
	b.lost(oldest)
	return true, false
}

// Hold is for a message that found a box with Wait full. It returns a Waiter, which is to be given to Await, unless
// there is room by now, or the sender may not wait and puts one more in.
func (b *Box) Hold(m Msg, mayWait bool) (accepted bool, held *Waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.refuses:
		b.rejected++
		return false, nil
	case mayWait && b.chain.Len() >= b.capacity:
		w := &Waiter{msg: m, taken: make(chan bool, 1)}
		b.waiters = append(b.waiters, w)
		return false, w
	}
	b.push(m)
	return true, nil
}

// Await waits until the message of a Waiter is accepted, or until the box is closed or one of two channels is; or else
// until poke is received from, when it is not over yet.
func Await[T any](b *Box, w *Waiter, quit, gone <-chan struct{}, poke <-chan T) (accepted, over bool) {
	select {
	case ok := <-w.taken:
		return ok, true
	case <-poke:
		return false, false
	case <-quit:
	case <-gone:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiters, w); i >= 0 {
		b.waiters = slices.Delete(b.waiters, i, i+1)
		b.rejected++
		w.decide(false)
		return false, true
	}
	return <-w.taken, true // decided before the lock was ours
}

// push accepts a message. Called with the lock held.
func (b *Box) push(m Msg) {
	b.accepted++
	if b.parked || b.opened && !b.running {
		b.pass(m)
		return
	}
	b.chain.Push(m)
	if b.chain.Len() >= b.high { // else the consumer's counter is too dear for each message
		b.high = max(b.high, b.depth())
	}
}

// pass starts or wakes the consumer with m, or with nothing, if it isn't at work. Called with the lock held.
func (b *Box) pass(m Msg) {
	switch {
	case b.parked:
		b.parked = false
		b.wake <- m
	case b.opened && !b.running:
		if b.wake == nil {
			b.wake = make(chan Msg, 1)
		}
		if m != nil {
			b.held = m // there is none
		}
		b.running = true
		go b.consume()
	}
}

// Next returns the consumer's next message. It parks when there is none. A nil message means: look for
// news, then come again. It returns false when the consumer has to end: paused, called off, or closed and empty.
func (b *Box) Next() (m Msg, more bool) {
	if b.batch.Len() > 0 && b.signs.Load() == 0 && b.held == nil {
		return b.batch.Pop(), true
	}
	for {
		b.mu.Lock()
		switch signs := b.signs.Load(); { // under the lock that Kick and Pause take
		case signs&news != 0:
			b.mu.Unlock()
			return nil, true
		case signs&off != 0:
			return nil, b.retire() // unlocks
		case b.held != nil:
			m, b.held = b.held, nil
			b.mu.Unlock()
			return m, true
		case b.batch.Len() > 0:
			b.mu.Unlock()
			return b.batch.Pop(), true
		case b.chain.Len() > 0:
			m = b.take()
			b.mu.Unlock()
			return m, true
		case b.closed:
			return nil, b.retire() // unlocks
		}
		b.parked = true
		b.mu.Unlock()
		if m = <-b.wake; m != nil && b.signs.Load() == 0 {
			return m, true
		}
		b.held = m
	}
}

// take takes the oldest message of the chain, or the whole chain. Called with the lock held.
func (b *Box) take() (m Msg) {
	if b.capacity == 0 {
		b.high = max(b.high, b.chain.Len())
		b.batch, b.chain = b.chain, b.batch
		return b.batch.Pop()
	}
	m = b.chain.Pop()
	b.admit()
	return m
}

// retire notes that the consumer ends, and tells it to. It is called with the lock held, and releases it.
func (b *Box) retire() (more bool) {
	b.running = false
	b.tellGone()
	b.mu.Unlock()
	return false
}

// tellGone tells those that wait for the consumer's end. Called with the lock held, and without a consumer.
func (b *Box) tellGone() {
	if b.paused != nil && !worker.Closed(b.paused) {
		close(b.paused)
	}
	if b.drained != nil && (b.opened || b.calledOff || b.depth() == 0) && !worker.Closed(b.drained) {
		close(b.drained)
	}
}

// admit gives the room just made to the sender that waits longest. Called with the lock held.
func (b *Box) admit() {
	if len(b.waiters) == 0 || b.chain.Len() >= b.capacity {
		return
	}
	w := b.waiters[0]
	b.waiters = slices.Delete(b.waiters, 0, 1)
	b.push(w.msg)
	w.decide(true)
}

// Handled counts a message that Next returned, or that consume was called with.
func (b *Box) Handled() { b.handled.Add(1) }

// TakeNews tells the consumer once after each Kick that there is news.
func (b *Box) TakeNews() bool { return b.signs.Load()&news != 0 && b.signs.And(^news)&news != 0 }

// Kick makes sure that the consumer learns of news soon, ahead of the messages that wait.
func (b *Box) Kick() {
	b.signs.Or(news)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(nil)
}

// Open lets the consumer work, at the beginning and after a pause, whose end has been awaited.
func (b *Box) Open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened, b.paused = true, nil
	if !b.calledOff {
		b.signs.And(^off)
	}
	if b.depth() > 0 || b.signs.Load()&news != 0 {
		b.pass(nil) // under the same lock: a new message must not come before those that wait
	}
}

// Pause makes the consumer stop before the next message. What is queued stays, and more is accepted. The returned
// channel is closed when the consumer is gone.
func (b *Box) Pause() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paused == nil {
		b.opened, b.paused = false, make(chan struct{})
		b.signs.Or(off)
	}
	b.stir()
	return b.paused
}

// stir makes a parked consumer look around, and says so where there is no consumer. Called with the lock held.
func (b *Box) stir() {
	switch {
	case b.parked:
		b.pass(nil)
	case !b.running:
		b.tellGone()
	}
}

// Close refuses all further messages and frees the senders that wait. The returned channel is closed
// when everything accepted was handled, or at once where nobody will (the box was never opened).
func (b *Box) Close() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.drained
	}
	b.closed, b.refuses = true, true
	b.drained = make(chan struct{})
	for _, w := range b.waiters {
		b.rejected++
		w.decide(false)
	}
	b.waiters = nil
	if !b.opened && b.paused == nil {
		close(b.drained)
	} else {
		b.stir()
	}
	return b.drained
}

// CallOff makes the consumer stop before the next message, for good.
func (b *Box) CallOff() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calledOff = true
	b.signs.Or(off)
	b.stir()
}

// Closed tells that nothing more is accepted.
func (b *Box) Closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Settle ends the accounting: what was accepted and not handled by now is dead.
func (b *Box) Settle() Stats {
	b.CallOff()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.final == nil {
		s := b.stats()
		s.Dead = s.Accepted - s.Handled
		s.Depth = 0
		b.final = &s
		b.chain = fifo.Queue[Msg]{} // the dead are not kept
	}
	return *b.final
}

// Dropped counts what DropOldest took away.
func (b *Box) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Stats returns a snapshot.
func (b *Box) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats()
}

func (b *Box) stats() Stats {
	if b.final != nil {
		s := *b.final
		s.Rejected = b.rejected // Send still says no, and still counts
		return s
	}
	depth := b.depth()
	if b.high = max(b.high, depth); b.high == 0 && b.accepted > 0 {
		b.high = 1 // messages that a parked consumer got are not looked at one by one
	}
	return Stats{
		Depth:     depth,
		HighWater: b.high,
		Capacity:  b.capacity,
		Accepted:  b.accepted,
		Handled:   b.handled.Load(),
		Rejected:  b.rejected,
		Dead:      b.dropped,
	}
}

// depth is the number of messages accepted and not yet handled. Called with the lock held.
func (b *Box) depth() int { return int(b.accepted - b.dropped - b.handled.Load()) }

// Busy tells whether the consumer has a message, and how many it has handled before.
func (b *Box) Busy() (handled uint64, busy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handled.Load(), b.running && b.depth() > 0
}
