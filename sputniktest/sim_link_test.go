package sputniktest_test

import (
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// The connection: G15 to G18.

// told is called before OnServerConnect, or, with epoch 0, OnServerDisconnect begins.
func (o *oracle) told(sb *simBlock, epoch int) {
	standing, since := o.w.server.standing()
	o.mu.Lock()
	defer o.mu.Unlock()
	b, now := o.books[sb.slot], o.w.now()
	if epoch == 0 {
		if b.linked == 0 {
			o.offend("G16", "%s is told of a loss while it knows of no connection", b.name)
		}
		if b.linked == standing {
			o.offend("G16", "%s is told of a loss although connection %d stands", b.name, standing)
		}
		b.linked = 0
		o.checkNews(b, now-since < newsPatience && standing == 0, false)
		return
	}
	switch {
	case b.linked != 0:
		o.offend("G16", "%s is told of connection %d while it has connection %d", b.name, epoch, b.linked)
	case epoch <= b.epoch:
		o.offend("G16", "%s is told of connection %d, which isn't newer than %d", b.name, epoch, b.epoch)
	case epoch != o.w.server.current():
		o.offend("G16", "%s is told of connection %d, but the newest is %d", b.name, epoch, o.w.server.current())
	}
	b.linked, b.epoch = epoch, epoch
	o.checkNews(b, standing == epoch && now-since < newsPatience, true)
}

// newsPatience is how long the connector waits for slow blocks, so that the others learn of the connection in order.
const newsPatience = 100 * time.Millisecond

// checkNews checks the order of blocks within one round of news, while the connector waits for each of them.
func (o *oracle) checkNews(b *book, waits, up bool) {
	if !waits || o.stopping() || o.w.plan.changes() { // who is abandoned hears nothing
		return
	}
	before := true
	for _, x := range o.listed() {
		before = before && x != b
		if x == b || !x.bp.linked || x.finishing || x.ctxEnded || up != before {
			continue
		}
		if (x.linked != 0) != up && x.epoch > 0 || up && x.epoch < b.epoch || x.busy[callConnect]+x.busy[callDisconnect] > 0 {
			o.offend("G16", "%s is told of the connection (up: %v) before %s", b.name, up, x.name)
		}
	}
}

// current returns the epoch of the connection that is not disconnected yet, or 0.
func (s *server) current() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up {
		return 0
	}
	return s.epoch
}

// linked returns the connection that a block was told of last.
func (o *oracle) linked(slot int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.books[slot].linked
}

// disconnecting is called when Disconnect begins.
func (o *oracle) disconnecting(sick bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !sick {
		o.lastOpen = o.w.now()
	}
}

// checkLink judges what only the end can tell.
func (o *oracle) checkLink(t *times) {
	s := o.w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	name := sputnik.DefaultConnectorResponsibility
	if s.up && !t.abandoned[name] && t.over >= 0 {
		o.offend("G17", "connection %d is never disconnected", s.epoch)
	}
	for _, b := range o.books {
		if b.bp.linked && !b.bp.serial {
			o.checkNewcomer(b, t, s.conns)
		}
	}
	if o.lastOpen < 0 {
		return
	}
	for _, b := range o.books {
		if !slices.Contains(t.list, b.name) {
			continue
		}
		if settled, done := t.settled[b.name]; !done || settled > o.lastOpen {
			o.offend("G18", "the connection is closed before %s has finished", b.name)
		}
	}
}

// checkNewcomer wants each instance that begins while a connection stands to be told at once.
func (o *oracle) checkNewcomer(b *book, t *times, conns []interval) {
	for _, s := range b.past {
		if s.call != callRun || s.instance == 1 && !b.bp.spare || o.stops[0].at <= s.begin || removedAt(s.begin, b, t) {
			continue
		}
		for _, c := range conns {
			if c.from < s.begin && (c.to < 0 || c.to > s.begin) && !slices.ContainsFunc(b.past, func(n span) bool {
				return n.call == callConnect && n.instance == s.instance && n.begin == s.begin
			}) {
				o.offend("G16", "instance %d of %s begins at %v, but isn't told of the connection", s.instance, b.name, s.begin)
			}
		}
	}
}

// removedAt tells whether the removal of a block begins at this moment.
func removedAt(at time.Duration, b *book, t *times) bool {
	return slices.ContainsFunc(t.leaves[b.name], func(i interval) bool { return i.from == at })
}
