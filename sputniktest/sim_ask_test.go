package sputniktest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// replyKind is what becomes of a request.
type replyKind int

const (
	replyAtOnce replyKind = iota
	replyLate             // after OnMsg has returned
	replyTwice
	replyNever
	replyForward
	replyPanic
	replyKinds
)

func (r replyKind) String() string {
	return [...]string{"at once", "late", "twice", "never", "by another", "by a panic"}[r]
}

// ask is one request on its way.
type ask struct {
	id       int
	item     item
	kind     replyKind
	begun    time.Duration
	ended    time.Duration // -1 while it waits
	err      error
	replied  int           // how often Reply was successful
	failedAt time.Duration // when an OnMsg that had it failed; -1: never
	holders  []int         // the slots that got it
	instance int           // of the first of them
	takenAt  time.Duration // by that
}

func (s *stage) request(it item) {
	for i := range it.count {
		if i > 0 {
			s.wait(0)
		}
		q, msg := s.w.o.asking(s.a, it)
		to, ok := s.w.peer(it.slot, it.to)
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if it.gap > 0 {
			ctx, cancel = context.WithTimeout(ctx, it.gap)
		}
		s.a.say("asks %s, to be answered %v", resp(it.to), it.reply)
		waited := s.w.o.waits(s, it.to, q)
		answer, err := sputnik.Request(ctx, to, msg)
		cancel()
		waited()
		s.w.o.answered(q, answer, err, !ok)
		s.a.say("is answered by %s: %s", resp(it.to), describeAnswer(err))
	}
}

// describeAnswer takes two reasons for one, as both may come at the same instant.
func describeAnswer(err error) string {
	if errors.Is(err, sputnik.ErrBlockEnded) || errors.Is(err, sputnik.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		return "one of the two ends"
	}
	return fmt.Sprint(err)
}

// answer does with a request what the plan says.
func (b *simBlock) answer(s *stage, q *ask, msg sputnik.Msg) {
	kind := b.w.o.holds(q, b)
	reply := func(a *actor) {
		a.say("replies: %v", b.w.o.reply(q, msg))
	}
	switch kind {
	case replyAtOnce:
		reply(s.a)
	case replyTwice:
		reply(s.a)
		s.wait(time.Millisecond)
		reply(s.a)
	case replyLate:
		a := b.w.actor(idReplies+q.id, "reply %d", q.id)
		b.w.late.Go(func() {
			a.sleep(q.item.gap / 2)
			reply(a)
		})
	case replyForward:
		bc, ok := b.w.peer(b.slot, q.item.then)
		if !ok {
			return
		}
		m := b.w.o.forward(s.a, q.item.then, msg)
		waited := b.w.o.waits(s, q.item.then, q)
		ok = bc.Send(msg)
		waited()
		b.w.o.sent(m, ok)
		s.a.say("sends the request on to %s: %v", resp(q.item.then), ok)
	case replyPanic:
		s.how = panics
		b.w.o.failed(q)
		exit(doPanic, s.a.name)
	case replyNever, replyKinds:
	}
}

func (s *stage) broadcast(it item) {
	bc := s.w.bc(it.slot)
	if bc == nil {
		return
	}
	msg, c := s.w.o.casting(s.a)
	waited := s.w.o.waits(s, anybody, nil)
	n, refused := sputnik.Broadcast(bc, msg, func(d sputnik.BlockDescriptor) bool { return s.w.o.filter(c, d) })
	waited()
	s.w.o.cast(c, n, refused)
	s.a.say("broadcasts %d: accepted by %d, refused by %v", c.seq, n, refused)
}

func (s *stage) add(it item) {
	bc := s.w.bc(it.slot)
	if bc == nil {
		return
	}
	ctx, cancel := s.limited(it)
	defer cancel()
	s.a.say("adds %s", resp(it.to))
	c := s.w.o.changing(it)
	err := sputnik.AddBlock(ctx, bc, sputnik.BlockDescriptor{Name: resp(it.to), Responsibility: resp(it.to)})
	s.w.o.changed(c, err)
	s.a.say("has added %s: %v", resp(it.to), err)
}

func (s *stage) remove(it item) {
	bc := s.w.bc(it.slot)
	if bc == nil {
		return
	}
	ctx, cancel := s.limited(it)
	defer cancel()
	s.a.say("removes %s", resp(it.to))
	c := s.w.o.changing(it)
	err := sputnik.RemoveBlock(ctx, bc, resp(it.to))
	s.w.o.changed(c, err)
	s.a.say("has removed %s: %v", resp(it.to), err)
}

func (s *stage) limited(it item) (context.Context, context.CancelFunc) {
	if it.gap > 0 {
		return context.WithTimeout(context.Background(), it.gap)
	}
	return context.WithCancel(context.Background())
}

// change is one call of AddBlock or RemoveBlock.
type change struct {
	item         item
	begun, ended time.Duration
	err          error
}

func (o *oracle) changing(it item) *change {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &change{item: it, begun: o.w.now(), ended: -1}
	o.changes = append(o.changes, c)
	return c
}

func (o *oracle) changed(c *change, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.ended, c.err = o.w.now(), err
	b := o.books[c.item.to]
	timeout := c.item.gap > 0 && errors.Is(err, context.DeadlineExceeded)
	_, setup := errors.AsType[*sputnik.SetupError](err)
	_, early := errors.AsType[*sputnik.InitError](err)
	switch {
	case errors.Is(err, sputnik.ErrNotRunning):
		if o.launchedAt >= 0 && !o.stopping() && !o.unready(c.item.slot) && !o.w.plan.changes() {
			o.offend("change", "the block list can't be changed: %v", err)
		}
	case timeout:
	case c.item.do == doAdd && err == nil && !b.initialised:
		o.offend("change", "%s is added, but not initialised", b.name)
	case c.item.do == doAdd && err != nil && !setup && !early:
		o.offend("change", "AddBlock of %s: %v", b.name, err)
	case c.item.do == doAdd && early && b.n[callInit] == 0:
		o.offend("change", "AddBlock of %s fails without an Init: %v", b.name, err)
	case c.item.do == doRemove && errors.Is(err, sputnik.ErrSelf) != (c.item.slot == c.item.to) && !errors.Is(err, sputnik.ErrNoBlock):
		o.offend("change", "RemoveBlock of %s by %s: %v", b.name, resp(c.item.slot), err)
	}
}

// removing tells whether a block is being removed by another.
func (o *oracle) removing(slot int, by string) bool {
	return slices.ContainsFunc(o.changes, func(c *change) bool {
		return c.item.do == doRemove && c.item.to == slot && resp(c.item.slot) == by
	})
}

// unready tells whether a block's Run has not begun yet.
func (o *oracle) unready(slot int) bool { return !o.books[slot].running }
