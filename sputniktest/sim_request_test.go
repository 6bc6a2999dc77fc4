package sputniktest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Requests and broadcasts: each request ends once, and for a reason that is there.

func (o *oracle) asking(a *actor, it item) (*ask, sputnik.Msg) {
	msg, m := o.mail(a, it.to)
	o.mu.Lock()
	defer o.mu.Unlock()
	m.state = mailAsk
	q := &ask{id: len(o.asks), item: it, kind: it.reply, begun: o.w.now(), ended: -1, failedAt: -1}
	o.asks = append(o.asks, q)
	msg["ask"] = q
	return q, msg
}

func (o *oracle) answered(q *ask, answer sputnik.Msg, err error, nobody bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.ended, q.err = o.w.now(), err
	to := o.books[q.item.to]
	re, typed := errors.AsType[*sputnik.RequestError](err)
	switch {
	case err == nil && (q.replied != 1 || answer["answer"] != q.id):
		o.offend("request", "request %d gets %v, but was answered %d times", q.id, answer, q.replied)
	case err == nil:
	case !typed:
		o.offend("request", "request %d fails with a %T: %v", q.id, err, err)
	case q.replied > 0:
		o.offend("request", "request %d was answered, but fails: %v", q.id, err)
	case nobody != errors.Is(err, sputnik.ErrNoBlock):
		o.offend("request", "request %d to %s (found: %v): %v", q.id, to.name, !nobody, err)
	case errors.Is(err, sputnik.ErrSelf) && q.item.slot != q.item.to, errors.Is(err, sputnik.ErrNoOnMsg) && to.bp.msg:
		o.offend("request", "request %d by %s to %s: %v", q.id, resp(q.item.slot), to.name, err)
	case errors.Is(err, sputnik.ErrMailboxFull) && !o.mayBeFull(q):
		o.offend("request", "request %d to %s, which can't be full: %v", q.id, to.name, err)
	case errors.Is(err, context.DeadlineExceeded) && q.ended != q.begun+q.item.gap:
		o.offend("request", "request %d has %v, but ends after %v: %v", q.id, q.item.gap, q.ended-q.begun, re)
	case errors.Is(err, sputnik.ErrRefused):
		o.offend("request", "request %d: %v", q.id, err)
	}
}

func (o *oracle) mayBeFull(q *ask) bool {
	full := func(slot int) bool {
		f := o.books[slot].bp.overflow
		return f == sputnik.Reject || f == sputnik.DropOldest
	}
	return full(q.item.to) || slices.ContainsFunc(q.holders, full) || full(q.item.then)
}

// holds notes who has the request, and returns what is to be done with it.
func (o *oracle) holds(q *ask, b *simBlock) replyKind {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.holders = append(q.holders, b.slot)
	if len(q.holders) > 1 {
		return replyAtOnce
	}
	q.instance, q.takenAt = b.instance, o.w.now()
	return q.kind
}

// reply replies under the lock, so that the asker can't tell of the answer before it is in the books.
func (o *oracle) reply(q *ask, msg sputnik.Msg) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := sputnik.Reply(msg, sputnik.Msg{"answer": q.id})
	switch {
	case err == nil:
		if q.replied++; q.replied > 1 {
			o.offend("request", "request %d is answered twice", q.id)
		}
		if q.ended >= 0 && q.ended < o.w.now() {
			o.offend("request", "request %d is answered after it has ended", q.id)
		}
	case errors.Is(err, sputnik.ErrReplied) && q.replied == 0,
		!errors.Is(err, sputnik.ErrReplied) && !errors.Is(err, sputnik.ErrAskerGone),
		errors.Is(err, sputnik.ErrAskerGone) && q.replied > 0:
		o.offend("request", "request %d, answered %d times so far: %v", q.id, q.replied, err)
	}
	return err
}

func (o *oracle) failed(q *ask) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.failedAt = o.w.now()
}

// checkAsks judges the requests when the events are known.
func (o *oracle) checkAsks(t *times) {
	for _, q := range o.asks {
		to := o.books[q.item.to]
		if q.ended < 0 {
			o.offend("request", "request %d to %s never ends", q.id, to.name)
			continue
		}
		settled, done := t.settled[to.name]
		if len(q.holders) < 2 && q.kind != replyForward && done && !o.w.plan.comesOrGoes(to.slot) && q.begun < settled && q.ended > settled {
			o.offend("request", "request %d to %s goes on after the block has ended: %v", q.id, to.name, q.err)
		}
		if q.failedAt >= 0 && q.ended > q.failedAt {
			o.offend("request", "request %d goes on although its OnMsg failed at %v", q.id, q.failedAt)
		}
		if len(q.holders) == 1 && q.ended > to.next(q.instance) {
			o.offend("request", "request %d goes on although another instance of %s has begun: %v", q.id, to.name, q.err)
		}
		slots := append([]int{q.item.to, q.item.then}, q.holders...)
		_, blamed := errors.AsType[*sputnik.BlockError](q.err)
		switch {
		case blamed && !slices.ContainsFunc(slots, func(slot int) bool { return o.books[slot].failedAt(q.ended) }):
			o.offend("request", "request %d fails at %v, but no OnMsg did: %v", q.id, q.ended, q.err)
		case errors.Is(q.err, sputnik.ErrBlockEnded) && !o.w.plan.changes() && !slices.ContainsFunc(slots, func(slot int) bool {
			at, begun := t.finishing[resp(slot)]
			settled, abandoned := t.settled[resp(slot)]
			return begun && at <= q.ended || t.over <= q.ended || abandoned && settled <= q.ended
		}) && (t.hurried < 0 || t.hurried > q.ended):
			o.offend("request", "request %d at %v: %v, but the finish has not begun", q.id, q.ended, q.err)
		case errors.Is(q.err, sputnik.ErrTimeout) && !blamed && !errors.Is(q.err, context.DeadlineExceeded) && !o.w.plan.changes():
			if at, begun := t.finishing[resp(q.item.slot)]; (!begun || at > q.ended) && (t.hurried < 0 || t.hurried > q.ended) {
				o.offend("request", "request %d at %v: %v, but its asker has not to finish", q.id, q.ended, q.err)
			}
		}
	}
}

// next returns when a later instance began, or a time beyond all others.
func (b *book) next(instance int) time.Duration {
	for _, s := range b.past {
		if s.instance > instance && s.call == callRun {
			return s.begin
		}
	}
	return 1 << 62
}

// failedAt tells whether an OnMsg failed at this moment.
func (b *book) failedAt(at time.Duration) bool {
	return slices.ContainsFunc(b.past, func(s span) bool { return s.call == callMsg && s.end == at && s.how != returns })
}

// cast is one broadcast.
type cast struct {
	from    string
	seq     int
	passed  []int
	handled map[int]int
}

func (o *oracle) casting(a *actor) (sputnik.Msg, *cast) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.sent++
	c := &cast{from: a.name, seq: a.sent, handled: make(map[int]int)}
	return sputnik.Msg{"from": c.from, "seq": c.seq, "cast": c}, c
}

// filter lets every other broadcast pass.
func (o *oracle) filter(c *cast, d sputnik.BlockDescriptor) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for slot, b := range o.books {
		if b.name == d.Responsibility {
			if !b.bp.msg {
				o.offend("broadcast", "%s is asked for, but has no OnMsg", b.name)
			}
			if (slot+c.seq)%3 > 0 {
				c.passed = append(c.passed, slot)
				return true
			}
		}
	}
	return false
}

func (o *oracle) cast(c *cast, n int, refused []sputnik.BlockDescriptor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n+len(refused) != len(c.passed) {
		o.offend("broadcast", "to %v: accepted by %d, refused by %v", c.passed, n, refused)
	}
	for _, slot := range c.passed {
		b := o.books[slot]
		if slices.ContainsFunc(refused, func(d sputnik.BlockDescriptor) bool { return d.Responsibility == b.name }) {
			b.refused++
		} else {
			b.accepted++
		}
	}
}

func (o *oracle) receivedCast(b *book, c *cast, msg sputnik.Msg) {
	if c.handled[b.slot]++; c.handled[b.slot] > 1 {
		o.offend("G13", "%s gets broadcast %d of %s twice", b.name, c.seq, c.from)
	}
	if msg["mine"] != nil {
		o.offend("broadcast", "%s shares its map of broadcast %d of %s", b.name, c.seq, c.from)
	}
	msg["mine"] = true
	if c.seq <= b.last[c.from] {
		o.offend("G12", "%s gets broadcast %d of %s after message %d", b.name, c.seq, c.from, b.last[c.from])
	}
	b.last[c.from] = c.seq
}
