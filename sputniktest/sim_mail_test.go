package sputniktest_test

import (
	"errors"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Messages: G12 and G13.

// mail is one message on its way.
type mail struct {
	from    string
	seq     int // of all that the sender sends
	to      int
	state   mailState
	at      time.Duration
	handled int
}

type mailState int

const (
	mailSending mailState = iota
	mailAccepted
	mailRefused
	mailAsk // a request, of which nobody knows whether it was accepted until it arrives
)

func (o *oracle) mail(a *actor, to int) (sputnik.Msg, *mail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.sent++
	m := &mail{from: a.name, seq: a.sent, to: to}
	o.mails = append(o.mails, m)
	return sputnik.Msg{"from": m.from, "seq": m.seq, "mail": m}, m
}

// forward makes another message of a request that is sent on.
func (o *oracle) forward(a *actor, to int, msg sputnik.Msg) *mail {
	next, m := o.mail(a, to)
	for _, key := range []string{"from", "seq", "mail"} {
		msg[key] = next[key]
	}
	return m
}

func (o *oracle) sent(m *mail, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m.at = o.w.now()
	b := o.books[m.to]
	if ok {
		m.state = mailAccepted
		b.accepted++
		if !b.bp.msg {
			o.offend("G13", "%s accepts a message, but has no OnMsg", b.name)
		}
		return
	}
	m.state = mailRefused
	b.refused++
	if b.bp.msg && (b.bp.capacity == 0 || b.bp.overflow != sputnik.Reject) {
		b.refusals = append(b.refusals, m.at)
	}
	if m.handled > 0 {
		o.offend("G13", "message %s %d is refused by %s, but was handled", m.from, m.seq, b.name)
	}
}

func (o *oracle) received(sb *simBlock, msg sputnik.Msg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.books[sb.slot]
	if c, ok := msg["cast"].(*cast); ok {
		o.receivedCast(b, c, msg)
		return
	}
	m, ok := msg["mail"].(*mail)
	switch {
	case !ok || m.to != sb.slot:
		o.offend("G13", "%s gets a message that is not for it", b.name)
		return
	case m.handled > 0:
		o.offend("G13", "message %s %d is handled twice", m.from, m.seq)
	case m.state == mailRefused:
		o.offend("G13", "message %s %d was refused by %s, but is handled", m.from, m.seq, b.name)
	case m.seq <= b.last[m.from]:
		o.offend("G12", "%s gets message %d of %s after message %d", b.name, m.seq, m.from, b.last[m.from])
	}
	b.last[m.from] = m.seq
	if m.handled++; m.state == mailAsk {
		m.state = mailAccepted
		b.accepted++
	}
}

// checkMail balances the books of each block against what its peers have seen.
func (o *oracle) checkMail(t *times) {
	for _, b := range o.books {
		o.checkRefusals(b, t)
		box, known := o.box(b, t)
		if !known {
			continue
		}
		handled := uint64(0)
		settled, done := t.settled[b.name]
		for _, s := range b.past {
			if s.call == callMsg && s.end >= 0 && (!done || s.end <= settled) {
				handled++
			}
		}
		left, asks := uint64(0), uint64(0)
		for _, err := range faults(o.verdict) {
			if u, ok := err.(*sputnik.UnhandledError); ok && u.Block.Responsibility == b.name { //nolint:errorlint // this very one
				left += u.Count
			}
		}
		if len(t.gone[b.name]) > 0 {
			left = t.left[b.name]
		}
		for _, m := range o.mails {
			if m.to == b.slot && m.state == mailAsk {
				asks++
			}
		}
		accepted, refused := uint64(b.accepted), uint64(b.refused)
		comesOrGoes := o.w.plan.comesOrGoes(b.slot) // what is refused after it has gone isn't seen
		switch {
		case box.Accepted < accepted || box.Accepted > accepted+asks:
			o.offend("G13", "%s: accepted %d and up to %d requests, but its status is %+v", b.name, accepted, asks, box)
		case !comesOrGoes && (box.Rejected < refused || box.Rejected > refused+asks):
			o.offend("G13", "%s: refused %d and up to %d requests, but its status is %+v", b.name, refused, asks, box)
		case box.Handled != handled && !t.abandoned[b.name]:
			o.offend("G13", "%s: handled %d, but its status is %+v", b.name, handled, box)
		case box.Accepted != box.Handled+box.Dead:
			o.offend("G13", "%s: the books don't balance: %+v", b.name, box)
		case box.Dead != left+t.lost[b.name]:
			o.offend("G13", "%s: %d unhandled in the error and %d dropped in events, but its status is %+v; error: %s",
				b.name, left, t.lost[b.name], box, describe(o.verdict))
		case t.lost[b.name] > 0 && b.bp.overflow != sputnik.DropOldest:
			o.offend("G13", "%s dropped %d messages", b.name, t.lost[b.name])
		case left > 0 && o.launchedAt >= 0 && b.n[callRun] > 0 && t.hurried < 0 && settled >= t.finishing[b.name] && o.steady(b, t):
			// Messages are left only when three quarters of the block's time were used up.
			if took, share := settled-t.finishing[b.name], o.share(b, t); took < share/4*3 {
				o.offend("G5", "%s left %d messages unhandled after %v, but has %v", b.name, left, took, share)
			}
		}
	}
}

// steady tells whether a block's share of the time can be told from outside, and whether the block was up to use it.
func (o *oracle) steady(b *book, t *times) bool {
	for slot, x := range o.books {
		if o.w.plan.comesOrGoes(slot) {
			return false
		}
		if x == b && b.bp.restart.When != sputnik.RestartNever {
			again := t.restarting[b.name]
			if failed, _ := b.failure(b.instance, o.w.plan.initTimeout); failed >= 0 || len(again) > 0 && again[len(again)-1] >= t.begun {
				return false
			}
		}
	}
	return true
}

// box sums up the mailboxes of all blocks that had this name, as far as they are known.
func (o *oracle) box(b *book, t *times) (sum sputnik.MailboxStatus, known bool) {
	all := slices.Clone(t.gone[b.name])
	for _, s := range o.status.Blocks {
		if s.Block.Responsibility == b.name {
			all, known = append(all, s.Mailbox), true
		}
	}
	for _, s := range all {
		sum.Accepted += s.Accepted
		sum.Handled += s.Handled
		sum.Rejected += s.Rejected
		sum.Dead += s.Dead
	}
	if o.w.plan.comesOrGoes(b.slot) && t.abandoned[b.name] {
		return sum, false
	}
	return sum, known || len(all) > 0
}

// checkRefusals judges those Sends that only the finish of the receiver, or a cut, may refuse. Where senders wait, their own
// end is a reason, too.
func (o *oracle) checkRefusals(b *book, t *times) {
	if o.w.plan.comesOrGoes(b.slot) {
		return
	}
	at, begun := t.finishing[b.name]
	for _, r := range b.refusals {
		if b.bp.restart.When != sputnik.RestartNever && r >= o.stops[0].at {
			continue // it may stay down
		}
		if begun && r < at && b.bp.overflow != sputnik.Wait && (t.hurried < 0 || r < t.hurried) {
			o.offend("G12", "%s refuses a message at %v, before its finish", b.name, r)
		}
	}
	for _, m := range o.mails {
		if begun && m.to == b.slot && m.state == mailAccepted && m.at > at {
			o.offend("G5", "%s accepts a message at %v, after its finish began", b.name, m.at)
		}
	}
}

// share is the time that a block has for its finish, as documented.
func (o *oracle) share(b *book, t *times) time.Duration {
	left := t.begun + o.w.plan.finishTimeout - t.finishing[b.name]
	switch {
	case b.bp.limit > 0:
		return min(b.bp.limit, left)
	case b == o.listed()[0]:
		return left - min(left/4, 3*time.Second)
	}
	return left / 2
}

// faults takes an error of a flight apart.
func faults(err error) []error {
	if fe, ok := errors.AsType[*sputnik.FlightError](err); ok {
		return fe.Faults
	}
	return nil
}

// checkRemoved judges those messages that a block left when it was removed: only when its time was used up.
func (o *oracle) checkRemoved(t *times) {
	for _, e := range t.leftAt {
		at := e.Time.Sub(o.w.start)
		for _, i := range t.leaves[e.Block.Responsibility] {
			for _, b := range o.books {
				share := o.w.plan.finishTimeout / 2
				if b.bp.limit > 0 {
					share = min(b.bp.limit, share*2)
				}
				if b.name == e.Block.Responsibility && i.to == at && t.running[b.name] > 0 && b.bp.restart.When == sputnik.RestartNever &&
					i.to-i.from < share/4*3 && (t.hurried < 0 || t.hurried > at) {
					o.offend("G13", "%s is removed and leaves %d messages unhandled after %v, but has %v", b.name, e.Count, i.to-i.from, share)
				}
			}
		}
	}
}
