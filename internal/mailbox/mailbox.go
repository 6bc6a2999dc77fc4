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
	capacity int
	overflow Overflow
	consume  func(first Msg) // body of the consumer goroutine
	lost     func(m Msg)
	wake     chan Msg    // 1 slot; nil means: look around
	off      atomic.Bool // paused or called off: the consumer stops before the next message
	news     atomic.Bool // something other than messages waits for the consumer

	_ cacheLine // what follows is written by senders

	mu        sync.Mutex
	opened    bool // Run was started, and there is no pause
	closed    bool // nothing more is accepted
	calledOff bool // nothing more is handled
	running   bool // a consumer goroutine exists
	parked    bool // and waits on wake
	chain     fifo.Queue[Msg]
	waiters   []*Waiter     // senders held by Wait, in order
	drained   chan struct{} // made by Close; closed when the consumer is gone for good, or was never needed
	paused    chan struct{} // made by Pause; closed when the consumer is gone
	final     *Stats
	accepted  uint64
	rejected  uint64
	dropped   uint64 // by DropOldest
	high      int

	_ cacheLine // what follows is written by the consumer

	handled atomic.Uint64 // OnMsg came back, one way or another
	batch   fifo.Queue[Msg]
	back    Msg // given back by Unget
}

// cacheLine keeps apart what different cores write.
type cacheLine [64]byte

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

// Init makes a box usable. A capacity of 0 is unbounded. consume is the body of the consumer goroutine: it handles
// first, if that isn't nil, and then what Next returns. lost gets each message that DropOldest drops.
func (b *Box) Init(capacity int, overflow Overflow, consume func(first Msg), lost func(m Msg)) {
	b.capacity, b.overflow, b.consume, b.lost = capacity, overflow, consume, lost
	b.wake = make(chan Msg, 1)
}

// Send hands m over and tells whether it was accepted. Where the overflow policy is Wait, the box is full, and
// the sender may wait, it returns a Waiter instead, which is to be given to Await.
func (b *Box) Send(m Msg, mayWait bool) (accepted bool, held *Waiter) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.rejected++
		b.mu.Unlock()
		return false, nil
	case b.parked || b.opened && !b.running:
		b.accepted++
		b.high = max(b.high, 1)
		b.pass(m)
		b.mu.Unlock()
		return true, nil
	case b.capacity > 0 && b.chain.Len() >= b.capacity:
		return b.sendToFull(m, mayWait) // unlocks
	}
	b.push(m)
	b.mu.Unlock()
	return true, nil
}

// sendToFull applies the overflow policy. It is called with the lock held, and releases it.
func (b *Box) sendToFull(m Msg, mayWait bool) (accepted bool, held *Waiter) {
	switch {
	case b.overflow == Reject:
		b.rejected++
		b.mu.Unlock()
		return false, nil
	case b.overflow == DropOldest:
		oldest := b.chain.Pop()
		b.dropped++
		b.push(m)
		b.mu.Unlock()
		b.lost(oldest)
		return true, nil
	case !mayWait:
		b.push(m)
		b.mu.Unlock()
		return true, nil
	}
	w := &Waiter{msg: m, taken: make(chan bool, 1)}
	b.waiters = append(b.waiters, w)
	b.mu.Unlock()
	return false, w
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

// push appends to the chain. Called with the lock held.
func (b *Box) push(m Msg) {
	b.accepted++
	b.chain.Push(m)
	if b.chain.Len() >= b.high { // else the consumer's counter is too dear for each message
		b.high = max(b.high, b.depth())
	}
}

// Refuse counts a message that could not even be tried.
func (b *Box) Refuse() {
	b.mu.Lock()
	b.rejected++
	b.mu.Unlock()
}

// Next returns the consumer's next message. It parks when there is none. A nil message means: look for
// news, then come again. It returns false when the consumer has to end: called off, or closed and empty.
func (b *Box) Next() (Msg, bool) {
	if b.news.Load() {
		return nil, true
	}
	if b.off.Load() {
		return nil, b.retire()
	}
	if b.batch.Len() > 0 {
		return b.batch.Pop(), true
	}
	b.mu.Lock()
	switch {
	case b.news.Load(): // checked again under the lock that Kick takes
	case b.off.Load(): // likewise, under that of Pause
		b.mu.Unlock()
		return nil, b.retire()
	case b.chain.Len() > 0 && b.capacity > 0:
		m := b.chain.Pop()
		b.admit()
		b.mu.Unlock()
		return m, true
	case b.chain.Len() > 0:
		b.high = max(b.high, b.chain.Len())
		b.batch, b.chain = b.chain, b.batch
		b.mu.Unlock()
		return b.batch.Pop(), true
	case b.closed:
		b.mu.Unlock()
		return nil, b.retire()
	default:
		b.parked = true
		b.mu.Unlock()
		return <-b.wake, true
	}
	b.mu.Unlock()
	return nil, true
}

// retire notes that the consumer ends, unless news came meanwhile.
// It returns whether the consumer has to go on.
func (b *Box) retire() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news.Load() {
		return true
	}
	b.running = false
	b.tellGone()
	return false
}

// tellGone tells those that wait for the consumer's end. Called with the lock held, and without a consumer.
func (b *Box) tellGone() {
	if b.paused != nil && !worker.Closed(b.paused) {
		close(b.paused)
	}
	if b.drained != nil && (b.opened || b.calledOff || b.queued() == 0) && !worker.Closed(b.drained) {
		close(b.drained)
	}
}

// queued counts what waits. Called with the lock held, and without a consumer.
func (b *Box) queued() int {
	n := b.chain.Len() + b.batch.Len()
	if b.back != nil {
		n++
	}
	return n
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
func (b *Box) TakeNews() bool { return b.news.Load() && b.news.CompareAndSwap(true, false) }

// Kick makes sure that the consumer learns of news soon, ahead of the messages that wait.
func (b *Box) Kick() {
	b.news.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(nil)
}

// pass starts or wakes the consumer with m, if it isn't at work. Called with the lock held.
func (b *Box) pass(m Msg) {
	switch {
	case b.parked:
		b.parked = false
		b.wake <- m // there is room: one wake-up for each time it parks
	case b.opened && !b.running:
		b.running = true
		go b.consume(m)
	}
}

// Open lets the consumer work, at the beginning and after a pause, whose end has been awaited.
func (b *Box) Open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened, b.paused = true, nil
	b.off.Store(b.calledOff)
	m := b.back
	b.back = nil
	if b.running || m == nil && b.queued() == 0 && !b.news.Load() {
		return
	}
	b.pass(m) // under the same lock: a new message must not come before those that wait
}

// Pause makes the consumer stop before the next message. What is queued stays, and more is accepted. The returned
// channel is closed when the consumer is gone.
func (b *Box) Pause() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paused == nil {
		b.opened, b.paused = false, make(chan struct{})
		b.off.Store(true)
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
	b.closed = true
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
	b.off.Store(true)
	b.stir()
}

// Off tells the consumer that it must not handle what it has: see Unget.
func (b *Box) Off() bool { return b.off.Load() }

// Unget takes back a message that the consumer must not handle; it comes first after the pause.
func (b *Box) Unget(m Msg) {
	b.mu.Lock()
	b.back = m
	b.mu.Unlock()
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
		b.chain, b.back = fifo.Queue[Msg]{}, nil // the dead are not kept
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
	b.high = max(b.high, depth)
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

// Busy tells whether the consumer is at work, and how many messages it has handled before.
func (b *Box) Busy() (handled uint64, busy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handled.Load(), b.running && !b.parked
}
