// Package wait keeps the books of who waits for whom: for an answer, or for room in a mailbox. A request always ends,
// and those who wait for each other in a circle are found.
package wait

import (
	"context"
	"errors"
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
	asked asked[N] // that wait for this one
	waits waits[N] // that this one waits for

	Name     N
	Order    int              // tells which one of a circle is named first
	Inside   func() bool      // tells whether the current goroutine is the one that serves this peer's messages
	OnCircle func(circle []N) // gets the names of each circle once, from the goroutine that closes it
}

// Wait is one goroutine's wait. A request ends once: by an answer, a failure, or because the asker leaves. It is never
// used again, since whoever has its message may ask about it for ever. It is one of a chunk, so it is small, and when it
// is over it refers to nobody but the asker.
type Wait[N any] struct {
	post   *post[N]
	gone   <-chan struct{}         // closed when the asker's context ends
	holder *Peer[N]                // who has the message: who was asked, or another it was sent on to; guarded by the asker's lock
	heldUp atomic.Pointer[Peer[N]] // who waits for room to send it on
	state  atomic.Uint32           // asking, ...
	where  atomic.Uint32           // unknown, ...
	taker  atomic.Int32            // that its message was given to, from 1
	passed atomic.Bool             // served, so somebody else is to answer
}

// post is where a goroutine waits. That of a request is used again for another one, once the outcome was fetched.
type post[N any] struct {
	from    *Peer[N]
	bell    chan bool       // rung with false, once, for the outcome of a request; with true, once, for an inquiry by the way
	held    *mailbox.Waiter // of a sender that waits for room
	msg     mailbox.Msg     // the outcome
	err     error
	fetched bool       // is the outcome
	at      [2]int     // in the rest of the lists
	told    []*Wait[N] // the circle that was told last, where this is the first of it; guarded by the asker's lock
}

const (
	asking uint32 = iota
	replied
	failed
)

// Request begins a request, which the end of ctx ends. Whoever begins must Leave.
func Request[N any](ctx context.Context, from, to *Peer[N]) *Wait[N] {
	if from == nil {
		from = new(Peer[N])
	}
	w, over := from.waits.begin(from, to, ctx.Done())
	if over != nil {
		w.Fail(over)
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
func (p *Peer[N]) IsAsked() bool { return p.asked.any() }

// In returns the request that a message makes, nil where it makes none.
func In[N any](msg mailbox.Msg) *Wait[N] {
	w, _ := msg[Key].(*Wait[N])
	return w
}

// Asking tells whether the request has not ended yet.
func (w *Wait[N]) Asking() bool { return w.state.Load() == asking }

// Reply ends the request by an answer.
func (w *Wait[N]) Reply(msg mailbox.Msg) error {
	if w.state.CompareAndSwap(asking, replied) {
		w.post.msg = msg
		w.post.bell <- false
		return nil
	}
	if w.state.Load() == replied {
		return ErrReplied
	}
	return ErrAskerGone
}

// Fail ends the request without an answer.
func (w *Wait[N]) Fail(err error) {
	if w.post.held == nil && w.state.CompareAndSwap(asking, failed) { // what was quicker stays
		w.post.err = err
		w.post.bell <- false
	}
}

// Taken notes that the message is being served by the taker with this number, so that its end ends the request as well.
func (w *Wait[N]) Taken(taker int) { w.taker.Store(int32(taker)) } //nolint:gosec // a count

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
	w.post.from.waits.own.Lock()
	defer w.post.from.waits.own.Unlock()
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

// Answer waits for the outcome. The arguments are those of the request.
func (w *Wait[N]) Answer(ctx context.Context, to *Peer[N]) (msg mailbox.Msg, err error) {
	if to != nil && to.waits.any() { // else there is no circle, which is known without a lock
		w.inquire()
	}
	for w.rung(ctx) {
		w.locate()
	}
	p := w.post
	msg, err = p.msg, p.err
	p.msg, p.err, p.fetched = nil, nil, true
	return msg, err
}

// rung waits for the bell, and tells whether it is an inquiry.
func (w *Wait[N]) rung(ctx context.Context) (inquiry bool) {
	if w.gone == nil {
		return <-w.post.bell // a select is dear
	}
	select {
	case inquiry = <-w.post.bell:
		return inquiry
	case <-w.gone:
		w.Fail(context.Cause(ctx))
		return <-w.post.bell
	}
}

// Leave forgets the request, which is over then.
func (w *Wait[N]) Leave() {
	if !w.post.fetched {
		w.Fail(ErrAskerGone)
	}
	w.post.from.waits.end(w)
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
	taker  int32
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
	was, over := w.move(to)
	if over != nil {
		w.Fail(over)
	}
	return was
}

func (w *Wait[N]) move(to *Peer[N]) (was Holding[N], over error) {
	w.post.from.waits.own.Lock()
	defer w.post.from.waits.own.Unlock()
	was = Holding[N]{w.holder, w.taker.Swap(0), w.passed.Swap(false)}
	if w.holder == to || w.holder == nil && !w.Asking() {
		return was, nil
	}
	if w.holder != nil {
		w.holder.asked.remove(w, askedSide)
	}
	w.holder = nil
	if to == nil {
		return was, nil
	}
	if over = to.asked.take(w); over == nil {
		w.holder = to
	} else if was.peer != nil && was.peer.asked.take(w) == nil {
		w.holder, over = was.peer, nil // it stays where it was
	}
	return was, over
}

// Fail ends the requests that were given to a taker; 0: all of them, and those to come.
func (p *Peer[N]) Fail(taker int, err error) {
	l := &p.asked
	if taker == 0 {
		l.over.Store(&err)
	}
	fails := func(w *Wait[N]) bool {
		return w.heldUp.Load() == nil && (taker == 0 || int(w.taker.Load()) == taker)
	}
	if w := l.first.Load(); w != nil && fails(w) && l.first.Load() == w { // else that was said of it elsewhere
		w.Fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.rest {
		if fails(w) {
			w.Fail(err)
		}
	}
}

// Room waits for room in a mailbox, until quit is closed at the latest.
// request is that which the message makes, if any: the message itself may be the receiver's by now.
func Room[N any](from, to *Peer[N], box *mailbox.Box, held *mailbox.Waiter, request *Wait[N], quit <-chan struct{}) (accepted bool) {
	w := &Wait[N]{post: &post[N]{from: from, bell: make(chan bool, 1), held: held}, holder: to}
	from.waits.add(w, waitsSide)
	defer from.waits.remove(w, waitsSide)
	var gone <-chan struct{}
	if request != nil { // its asker may leave
		gone = request.gone
		if request.post.from != from {
			request.heldUp.Store(from)
			defer request.heldUp.Store(nil)
		}
	}
	w.inquire()
	for {
		accepted, over := mailbox.Await(box, held, quit, gone, w.post.bell)
		if over {
			return accepted
		}
		w.locate()
	}
}

// list holds the waits on one side of a peer. Most often there is one, which takes no lock.
type list[N any] struct {
	n     atomic.Int32
	first atomic.Pointer[Wait[N]]
	mu    sync.Mutex
	rest  []*Wait[N]
}

// Which of its two lists a wait is in.
const (
	askedSide = iota
	waitsSide
)

func (l *list[N]) any() bool { return l.n.Load() > 0 }

func (l *list[N]) add(w *Wait[N], side int) {
	l.n.Add(1)
	if !l.first.CompareAndSwap(nil, w) {
		l.addRest(w, side)
	}
}

func (l *list[N]) addRest(w *Wait[N], side int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.post.at[side] = len(l.rest)
	l.rest = append(l.rest, w)
}

func (l *list[N]) remove(w *Wait[N], side int) {
	if l.first.Load() == w {
		l.first.Store(nil)
	} else {
		l.removeRest(w, side)
	}
	l.n.Add(-1)
}

func (l *list[N]) removeRest(w *Wait[N], side int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, last := w.post.at[side], len(l.rest)-1
	l.rest[i] = l.rest[last]
	l.rest[i].post.at[side] = i
	l.rest[last] = nil
	l.rest = l.rest[:last]
}

// only returns those that are so.
func (l *list[N]) only(so func(w *Wait[N]) bool) (all []*Wait[N]) {
	if !l.any() {
		return nil
	}
	if w := l.first.Load(); w != nil && so(w) {
		all = append(all, w)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.rest {
		if so(w) {
			all = append(all, w)
		}
	}
	return all
}

// asked are the requests that a peer has.
type asked[N any] struct {
	list[N]
	over atomic.Pointer[error] // why no more are taken
}

// take adds a request, or says why not. Fail says that it is over, then looks for requests; so this one adds, then looks
// whether it is over.
func (l *asked[N]) take(w *Wait[N]) error {
	if over := l.over.Load(); over != nil {
		return *over
	}
	l.add(w, askedSide)
	if over := l.over.Load(); over != nil {
		l.remove(w, askedSide)
		return *over
	}
	return nil
}

// waits are those of a peer's own goroutines.
type waits[N any] struct {
	list[N]
	own   sync.Mutex // guards what follows, and who has the messages; the locks of lists come after it
	spare []*post[N] // of requests that are through
	chunk []Wait[N]
	used  int // of the chunk
}

const (
	maxSpares = 16
	maxChunk  = 128 // 6 KB, which a message that somebody keeps holds on to
)

// begin adds a new request to both sides.
func (l *waits[N]) begin(from, to *Peer[N], gone <-chan struct{}) (w *Wait[N], over error) {
	l.own.Lock()
	defer l.own.Unlock()
	if l.used == len(l.chunk) {
		l.chunk, l.used = make([]Wait[N], min(2*l.used+1, maxChunk)), 0
	}
	w = &l.chunk[l.used]
	l.used++
	w.gone = gone
	if last := len(l.spare) - 1; last >= 0 {
		w.post, l.spare = l.spare[last], l.spare[:last]
	} else {
		w.post = &post[N]{from: from, bell: make(chan bool, 2)}
	}
	if to != nil {
		if over = to.asked.take(w); over == nil {
			w.holder = to
		}
	}
	l.add(w, waitsSide)
	return w, over
}

// end takes a request away from both sides.
func (l *waits[N]) end(w *Wait[N]) {
	l.own.Lock()
	defer l.own.Unlock()
	if w.holder != nil {
		w.holder.asked.remove(w, askedSide)
		w.holder = nil
	}
	l.remove(w, waitsSide)
	p := w.post
	if !p.fetched || len(l.spare) == maxSpares {
		return
	}
	if w.where.Load() != unknown {
		select {
		case <-p.bell: // an inquiry that came late
		default:
		}
		p.told = nil
	}
	p.fetched = false
	l.spare = append(l.spare, p)
}
