package sputniktest_test

import (
	"errors"
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
)

func (o *oracle) mail(a *actor, to int) (sputnik.Msg, *mail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.sent++
	m := &mail{from: a.name, seq: a.sent, to: to}
	o.mails = append(o.mails, m)
	return sputnik.Msg{"from": m.from, "seq": m.seq, "mail": m}, m
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
	m.handled++
}

// checkMail balances the books of each block against what its peers have seen.
func (o *oracle) checkMail(t *times) {
	for _, b := range o.listed() {
		o.checkRefusals(b, t)
		_, took := t.finishing[b.name]
		if toleratedHungAttach && t.abandoned[b.name] && !took || toleratedFullFaults && b.failures(o.endedAt) >= maxFaults {
			continue
		}
		var box sputnik.MailboxStatus
		for _, s := range o.status.Blocks {
			if s.Block.Responsibility == b.name {
				box = s.Mailbox
			}
		}
		handled := uint64(0)
		settled, done := t.settled[b.name]
		for _, s := range b.past {
			if s.call == callMsg && s.end >= 0 && (!done || s.end <= settled) {
				handled++
			}
		}
		left := uint64(0)
		for _, err := range faults(o.verdict) {
			if u, ok := err.(*sputnik.UnhandledError); ok && u.Block.Responsibility == b.name { //nolint:errorlint // this very one
				left += u.Count
			}
		}
		switch {
		case box.Accepted != uint64(b.accepted) || box.Rejected != uint64(b.refused):
			o.offend("G13", "%s: accepted %d, refused %d, but its status is %+v", b.name, b.accepted, b.refused, box)
		case box.Handled != handled && !t.abandoned[b.name]:
			o.offend("G13", "%s: handled %d, but its status is %+v", b.name, handled, box)
		case box.Accepted != box.Handled+box.Dead:
			o.offend("G13", "%s: the books don't balance: %+v", b.name, box)
		case box.Dead != left+t.lost[b.name]:
			o.offend("G13", "%s: %d unhandled in the error and %d dropped in events, but its status is %+v; error: %s",
				b.name, left, t.lost[b.name], box, describe(o.verdict))
		case t.lost[b.name] > 0 && b.bp.overflow != sputnik.DropOldest:
			o.offend("G13", "%s dropped %d messages", b.name, t.lost[b.name])
		case left > 0 && o.launchedAt >= 0 && b.n[callRun] > 0 && t.hurried < 0:
			// Messages are left only when three quarters of the block's time were used up.
			if took, share := settled-t.finishing[b.name], o.share(b, t); took < share/4*3 {
				o.offend("G5", "%s left %d messages unhandled after %v, but has %v", b.name, left, took, share)
			}
		}
	}
}

// checkRefusals judges those Sends that only the finish of the receiver, or a cut, or the end of the sender, may refuse.
func (o *oracle) checkRefusals(b *book, t *times) {
	at, begun := t.finishing[b.name]
	for _, r := range b.refusals {
		early := (!begun || r < at) && (t.hurried < 0 || r < t.hurried) && t.over < 0
		if early || begun && r < at && b.bp.overflow != sputnik.Wait && (t.hurried < 0 || r < t.hurried) {
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
