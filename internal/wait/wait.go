// Package wait keeps the books of who waits for whom: for an answer, or for room in a mailbox. A request always ends,
// and those who wait for each other in a circle are found.
package wait

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

// Why an answer did not reach anybody.
var (
	ErrReplied   = errors.New("the message is answered already")
	ErrAskerGone = errors.New("nobody waits for the answer any more")
)

// Key carries a request in its message.
const Key = "__request"

// Peer is one who asks and is asked. Its fields are set before use.
type Peer[N any] struct {
	asked list[N] // that wait for this one
	waits list[N] // that this one waits for

	Name     N
	Order    int              // tells which one of a circle is named first
	Inside   func() bool      // tells whether the current goroutine is the one that serves this peer's messages
	OnCircle func(circle []N) // gets the names of each circle once, from the goroutine that closes it
}

// Wait is one goroutine's wait. A request ends once: by an answer, a failure, or because the asker leaves.
type Wait[N any] struct {
	From, To *Peer[N] // nil, both, where nobody knows them
	ctx      context.Context
	done     chan outcome    // one for the outcome of a request, one for an inquiry by the way
	held     *mailbox.Waiter // of a sender that waits for room
	state    atomic.Uint32   // asking, ...
	taker    atomic.Int64    // that its message was given to, from 1
	passed   atomic.Bool     // served, so somebody else is to answer
	where    atomic.Uint32   // unknown, ...
	answered bool            // the outcome was fetched
	at       [2]int          // in the lists

	told atomic.Pointer[[]*Wait[N]] // the circle that was told last, where this is the first of it

	mu     sync.Mutex
	holder *Peer[N]                // who has the message: the one that was asked, or another it was sent on to; nil: over
	heldUp atomic.Pointer[Peer[N]] // who waits for room to send it on
}

type outcome struct {
	msg     mailbox.Msg
	err     error
	inquiry bool // the asker is to say where it is
}

const (
	asking uint32 = iota
	replied
	failed
)

// Request begins a request, which ctx ends. Whoever begins must Leave.
func Request[N any](ctx context.Context, from, to *Peer[N]) *Wait[N] {
	w := &Wait[N]{From: from, To: to, ctx: ctx}
	if from != nil {
		_ = from.waits.add(w, waitsSide) // that list is never over
		w.Hand(to)
	} else {
		w.done = make(chan outcome, 2)
	}
	return w
}

// Of returns the request that a message makes, if this peer is asked anything at all: so others need not look into
// theirs.
func (p *Peer[N]) Of(msg mailbox.Msg) *Wait[N] {
	if !p.IsAsked() {
		return nil
	}
	return In[N](msg)
}

// IsAsked tells whether this peer is asked anything.
func (p *Peer[N]) IsAsked() bool { return p.asked.n.Load() > 0 }

// In returns the request that a message makes, nil where it makes none.
func In[N any](msg mailbox.Msg) *Wait[N] {
	w, _ := msg[Key].(*Wait[N])
	return w
}

// Asking tells whether the request has not ended yet.
func (w *Wait[N]) Asking() bool { return w.state.Load() == asking }

// Reply ends the request by an answer.
func (w *Wait[N]) Reply(msg mailbox.Msg) error { return w.settle(replied, msg, nil) }

// Fail ends the request without an answer.
func (w *Wait[N]) Fail(err error) {
	if w.held == nil {
		_ = w.settle(failed, nil, err) // what was quicker stays
	}
}

func (w *Wait[N]) settle(state uint32, msg mailbox.Msg, err error) error {
	if w.state.CompareAndSwap(asking, state) {
		w.done <- outcome{msg: msg, err: err}
		return nil
	}
	if w.state.Load() == replied {
		return ErrReplied
	}
	return ErrAskerGone
}

// Taken notes that the message is being served by the taker with this number, so that its end ends the request as well.
func (w *Wait[N]) Taken(taker int) { w.taker.Store(int64(taker)) }

// Passed notes that p has served the message without an answer, which comes from elsewhere; unless it was sent on to
// another, who has yet to serve it.
func (w *Wait[N]) Passed(p *Peer[N]) {
	if w.Asking() && w.has() == p {
		w.passed.Store(true)
	}
}

// Failed notes that p has failed with the message, which ends the request; unless it was sent on to another. A nil Wait
// is no request.
func (w *Wait[N]) Failed(p *Peer[N], err error) {
	if w != nil && w.has() == p {
		w.Fail(err)
	}
}

// has returns who has the message, or the room; nil when it is over.
func (w *Wait[N]) has() *Peer[N] {
	if w.held != nil {
		return w.To
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if by := w.heldUp.Load(); by != nil {
		return by
	}
	return w.holder
}

// SentOn notes whether the one that it was handed to has accepted the message; else it is where it was. A nil Wait is
// no request.
func (w *Wait[N]) SentOn(accepted bool, was Holding[N]) {
	if w != nil {
		w.sentOn(accepted, was)
	}
}

func (w *Wait[N]) sentOn(accepted bool, was Holding[N]) {
	if accepted {
		w.inquire()
		return
	}
	w.hand(was.peer)
	w.taker.Store(was.taker)
	w.passed.Store(was.passed)
}

// Answer waits for the outcome.
func (w *Wait[N]) Answer() (mailbox.Msg, error) {
	if w.To != nil && w.To.waits.n.Load() > 0 { // else there is no circle, which is known without a lock
		w.inquire()
	}
	o := w.outcome()
	for ; o.inquiry; o = w.outcome() {
		w.locate()
	}
	w.answered = true
	return o.msg, o.err
}

// Leave forgets the request, which is over then.
func (w *Wait[N]) Leave() {
	w.Fail(ErrAskerGone)
	w.Hand(nil)
	if w.From != nil {
		w.From.waits.remove(w, waitsSide)
	}
}

func (w *Wait[N]) outcome() outcome {
	ended := w.ctx.Done()
	if ended == nil {
		return <-w.done // a select is dear
	}
	select {
	case o := <-w.done:
		return o
	case <-ended:
		w.Fail(context.Cause(w.ctx))
		return <-w.done
	}
}

// GiveUp fails all of the peer's own requests that are in progress.
func (p *Peer[N]) GiveUp(err error) {
	for _, w := range p.waits.only((*Wait[N]).goesOn) {
		w.Fail(err)
	}
}

// Holding is who has a message, and how far it has come there.
type Holding[N any] struct {
	peer   *Peer[N]
	taker  int64
	passed bool
}

// Hand notes who has the message now, in its mailbox, and returns who had it. A nil Wait is no request.
func (w *Wait[N]) Hand(to *Peer[N]) (was Holding[N]) {
	if w == nil {
		return was
	}
	return w.hand(to)
}

func (w *Wait[N]) hand(to *Peer[N]) (was Holding[N]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was = Holding[N]{w.holder, w.taker.Swap(0), w.passed.Swap(false)}
	if w.holder == to || w.holder == nil && !w.Asking() {
		return was
	}
	if w.holder != nil {
		w.holder.asked.remove(w, askedSide)
	}
	w.holder = nil
	if to == nil {
		return was
	}
	over := to.asked.add(w, askedSide)
	if over == nil {
		w.holder = to
		return was
	}
	if was.peer != nil && was.peer.asked.add(w, askedSide) == nil { // it stays where it was
		w.holder = was.peer
		return was
	}
	w.Fail(over)
	return was
}

// Fail ends the requests that were given to a taker; 0: all of them, and those to come.
func (p *Peer[N]) Fail(taker int, err error) {
	p.asked.mu.Lock()
	defer p.asked.mu.Unlock()
	if taker == 0 {
		p.asked.over = err
	}
	for _, w := range p.asked.all {
		if w.heldUp.Load() == nil && (taker == 0 || w.taker.Load() == int64(taker)) {
			w.Fail(err)
		}
	}
}

// Room waits for room in a mailbox, until quit is closed at the latest.
// request is that which the message makes, if any: the message itself may be the receiver's by now.
func Room[N any](from, to *Peer[N], box *mailbox.Box, held *mailbox.Waiter, request *Wait[N], quit <-chan struct{}) (accepted bool) {
	w := &Wait[N]{From: from, To: to, held: held}
	_ = from.waits.add(w, waitsSide)
	defer from.waits.remove(w, waitsSide)
	var gone <-chan struct{}
	if request != nil { // its asker may leave
		gone = request.ctx.Done()
		if request.From != from {
			request.heldUp.Store(from)
			defer request.heldUp.Store(nil)
		}
	}
	w.inquire()
	for {
		accepted, over := mailbox.Await(box, held, quit, gone, w.done)
		if over {
			return accepted
		}
		w.locate()
	}
}

// list holds the waits on one side of a peer.
type list[N any] struct {
	n     atomic.Int32
	mu    sync.Mutex
	all   []*Wait[N]
	over  error          // why no more are taken
	spare []chan outcome // of requests that are through
}

const maxSpares = 16

// Which of its two lists a wait is in.
const (
	askedSide = iota
	waitsSide
)

func (l *list[N]) add(w *Wait[N], side int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return l.over
	}
	w.at[side] = len(l.all)
	l.all = append(l.all, w)
	l.n.Add(1)
	if side == waitsSide {
		w.done = l.channel()
	}
	return nil
}

// channel returns one of an earlier request, or a new one. Called with the lock held.
func (l *list[N]) channel() (ch chan outcome) {
	last := len(l.spare) - 1
	if last < 0 {
		return make(chan outcome, 2)
	}
	ch, l.spare = l.spare[last], l.spare[:last]
	return ch
}

func (l *list[N]) remove(w *Wait[N], side int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.all) - 1
	l.all[w.at[side]] = l.all[last]
	l.all[last].at[side] = w.at[side]
	l.all[last] = nil
	l.all = l.all[:last]
	l.n.Add(-1)
	if side == waitsSide && (w.answered || w.held != nil) && len(l.spare) < maxSpares {
		l.spare = append(l.spare, w.done) // without the outcome; an inquiry that is late does the next one no harm
	}
}

// only returns those that are so.
func (l *list[N]) only(so func(w *Wait[N]) bool) []*Wait[N] {
	if l.n.Load() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(w *Wait[N]) bool { return !so(w) })
}
