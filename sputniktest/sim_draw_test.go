package sputniktest_test

import (
	"math/rand/v2"
	"time"

	"github.com/sputnik-go/sputnik"
)

// dice draw a plan.
type dice struct {
	*rand.Rand
	p    *plan
	wild bool // things go wrong
}

func draw(seed uint64) *plan {
	d := dice{rand.New(rand.NewPCG(seed, 0x5b17)), &plan{seed: seed}, false}
	d.wild = !d.one(4)
	p := d.p
	p.connector = connectorKind(d.IntN(int(connectorKinds)))
	p.interval = d.between(50*time.Millisecond, 2*time.Second)
	p.connectTimeout = d.between(500*time.Millisecond, 5*time.Second)
	p.initTimeout = d.between(time.Second, 4*time.Second)
	p.finishTimeout = d.between(2*time.Second, 25*time.Second)
	if d.one(6) {
		p.finishDelay = d.between(time.Millisecond, p.finishTimeout/3)
	}
	p.observer = d.one(4)
	p.watchdog = d.between(200*time.Millisecond, 6*time.Second)
	p.prepareAt = d.between(0, 20*time.Millisecond)
	p.launchAt = d.between(0, time.Second)
	p.noLaunch = d.one(15)
	p.life = d.between(10*time.Millisecond, 15*time.Second)
	for range 1 + d.IntN(6) {
		p.blocks = append(p.blocks, d.block())
	}
	for range 2 + d.IntN(5) {
		d.traffic()
	}
	for range d.IntN(4) {
		d.ask()
	}
	if d.one(3) {
		d.changes()
	}
	d.crowd()
	d.circle()
	d.storm()
	d.server()
	if d.wild {
		for range 1 + d.IntN(6) {
			d.mishap()
		}
	}
	for range d.IntN(4) {
		d.stop()
	}
	for range d.IntN(3) {
		d.visit()
	}
	for i := range p.items {
		p.items[i].id = i
	}
	return p
}

func (d dice) one(in int) bool { return d.IntN(in) == 0 }

func (d dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)+1))
}

func pick[T any](d dice, all ...T) T { return all[d.IntN(len(all))] }

func (d dice) block() blockPlan {
	b := blockPlan{
		kind: blockKind(d.IntN(int(blockKinds))), method: d.one(4),
		msg: !d.one(6), attach: d.one(2), serial: d.one(3), quick: d.one(5),
		linked: d.p.connector != noConnector && !d.one(4),
	}
	if b.msg && d.one(2) {
		b.capacity = 1 + d.IntN(4)
		b.overflow = pick(d, sputnik.Reject, sputnik.DropOldest, sputnik.Wait)
		b.quick = false
	}
	if d.one(4) {
		b.restart = sputnik.RestartPolicy{
			When: pick(d, sputnik.RestartOnFailure, sputnik.RestartAlways), Max: 1 + d.IntN(4),
			Backoff: 1, BackoffCap: 1, // no room for jitter, which is no part of the seed
			Window: d.between(100*time.Millisecond, 10*time.Second),
		}
		b.quick = false // an instance that is made for the last messages may end at the instant of its beginning
	}
	if d.wild && d.one(5) {
		b.limit = d.between(50*time.Millisecond, 8*time.Second)
	}
	return b
}

func (d dice) slot() int { return d.IntN(len(d.p.blocks)) }

func (d dice) add(it item) { d.p.items = append(d.p.items, it) }

// traffic adds messages: from Run, from other callbacks, from outside, also when all is over.
func (d dice) traffic() {
	it := item{slot: d.slot(), to: d.slot(), do: doSend, count: 1 + d.IntN(6), nth: 0}
	switch d.IntN(8) {
	case 0, 1, 2:
		it.call, it.after, it.gap = callRun, d.between(0, time.Second), d.between(0, 200*time.Millisecond)
		it.count *= 3
	case 3, 4:
		it.call, it.nth = callMsg, d.IntN(4)
	case 5:
		it.call = pick(d, callConnect, callDisconnect, callFinish, callFlush, callAttach)
	default:
		it.call, it.after = callStep, d.between(0, d.p.life+2*time.Second)
		it.count *= 4
	}
	if d.one(2) {
		it.gap = 0 // a flood
	}
	d.add(it)
}

// ask adds a request, answered in one of many ways, or a broadcast.
func (d dice) ask() {
	it := item{
		slot: d.slot(), to: d.slot(), then: d.slot(), do: doRequest, count: 1 + d.IntN(2), reply: replyKind(d.IntN(int(replyKinds))),
		call: pick(d, callRun, callRun, callMsg, callMsg, callConnect, callStep, callStep, callStep, callFlush),
		gap:  d.between(time.Millisecond, 5*time.Second), after: d.between(0, 300*time.Millisecond),
	}
	if d.one(3) {
		it.do = doBroadcast
	}
	if d.one(6) && (it.call == callStep || it.call == callRun) {
		it.gap = 0 // no limit: until the other one ends
	}
	if it.reply == replyPanic && !d.wild {
		it.reply = replyAtOnce
	}
	switch it.call {
	case callStep:
		it.after = d.between(0, d.p.life+time.Second)
	case callMsg:
		it.nth = d.IntN(6)
	default:
	}
	d.add(it)
}

// crowd lets many send to a block at the same time.
func (d dice) crowd() {
	slot := d.slot()
	if b := d.p.blocks[slot]; b.capacity == 0 || !b.msg || d.one(2) {
		return
	}
	at := d.between(0, d.p.life)
	for range 2 + d.IntN(3) {
		d.add(item{slot: d.slot(), to: slot, call: callStep, do: doSend, after: at + d.between(0, 40*time.Millisecond), count: 3 + d.IntN(8)})
	}
}

// circle lets blocks ask each other in a circle, from OnMsg for the most part, where they stand still.
func (d dice) circle() {
	if !d.one(4) {
		return
	}
	n, at := 2+d.IntN(2), d.between(0, d.p.life)
	slots := d.Perm(len(d.p.blocks))
	n = min(n, len(slots))
	for i, slot := range slots[:n] {
		next := slots[(i+1)%n]
		it := item{slot: slot, to: next, then: slot, do: doRequest, count: 1, reply: pick(d, replyNever, replyLate), gap: d.between(time.Second, 4*time.Second)}
		switch it.call = callMsg; d.IntN(5) {
		case 0:
			it.call, it.after = callRun, at
		case 1:
			it.call, it.after = callStep, at
		}
		d.add(it)
		d.add(item{slot: slot, to: slot, call: callStep, do: doSend, count: 2, after: at + d.between(0, 20*time.Millisecond)})
	}
}

// storm lets a block with a restart policy need it, and the process stop in the middle of it.
func (d dice) storm() {
	slot := d.slot()
	if d.p.blocks[slot].restart.When == sputnik.RestartNever {
		return
	}
	what := pick(d, doPanic, doError, doGoexit, doReturn)
	d.add(item{slot: slot, call: callRun, do: what, nth: d.IntN(3) - 1, after: d.between(0, time.Second)})
	if d.one(2) {
		d.add(item{slot: d.slot(), to: slot, then: slot, call: callStep, do: doRequest, count: 1, reply: replyNever, after: d.between(0, time.Second), gap: d.between(time.Second, 6*time.Second)})
	}
	if d.one(2) {
		d.add(item{slot: slot, call: callMsg, do: doPanic, nth: d.IntN(8), after: d.between(0, 100*time.Millisecond)})
		d.add(item{slot: d.slot(), to: slot, call: callStep, do: doSend, after: d.between(0, d.p.life), count: 4 + d.IntN(8)})
	}
	if d.one(4) && !d.p.blocks[slot].linked { // a new instance that ends at once hears of the connection or not
		d.add(item{slot: slot, call: pick(d, callFinish, callInit), nth: d.IntN(2), do: pick(d, doSignal, doShootDown, doCancel)})
	}
}

// changes adds blocks that come and go.
func (d dice) changes() {
	listed := len(d.p.blocks)
	for range 1 + d.IntN(2) {
		b := d.block()
		b.spare = true
		d.p.blocks = append(d.p.blocks, b)
	}
	for range 1 + d.IntN(5) {
		it := item{slot: d.slot(), to: listed + d.IntN(len(d.p.blocks)-listed), do: doAdd, call: callStep, after: d.between(0, d.p.life)}
		switch d.IntN(5) {
		case 0, 1:
			it.do, it.to = doRemove, d.slot()
		case 2:
			it.call, it.after = callRun, d.between(0, 2*time.Second)
		}
		if d.one(8) {
			it.to = d.slot()
		}
		if d.one(5) {
			d.add(item{slot: it.to, call: pick(d, callInit, callAttach), do: pick(d, doError, doPanic, doGoexit, doHang, doStatus), nth: d.IntN(2)})
		}
		if d.one(4) {
			it.gap = d.between(time.Millisecond, time.Second)
		}
		d.add(it)
	}
}

func (d dice) server() {
	if d.p.connector == noConnector {
		return
	}
	for range d.IntN(6) {
		it := item{call: callServerConnect, nth: d.IntN(5), do: doError, after: d.between(0, 200*time.Millisecond)}
		switch d.IntN(4) {
		case 0:
			it.call, it.nth = callServerAlive, d.IntN(8)
		case 1:
			it.call, it.do, it.after = callStep, doBreak, d.between(0, d.p.life+time.Second)
		}
		if d.one(3) && it.call != callStep {
			it.after = d.between(0, 3*time.Second)
		}
		if d.wild && d.one(4) && it.call != callStep {
			it.do = pick(d, doPanic, doGoexit, doHang, doSleep)
			it.call = pick(d, callServerConnect, callServerAlive, callServerBroken, callServerDisconnect)
		}
		d.add(it)
	}
}

// mishap lets a callback fail, hang or be slow.
func (d dice) mishap() {
	it := item{
		slot: d.slot(), do: pick(d, doPanic, doPanic, doGoexit, doHang, doSleep, doSleep, doError, doReturn),
		call:  pick(d, callInit, callAttach, callRun, callRun, callMsg, callMsg, callConnect, callDisconnect, callFinish, callFlush),
		after: d.between(0, 500*time.Millisecond),
	}
	switch it.call {
	case callInit, callAttach:
		if !d.one(3) {
			it.call = callMsg
		}
	case callRun:
		it.after = d.between(0, d.p.life)
	case callMsg:
		it.nth = d.IntN(10)
		if d.one(8) {
			it.nth = -1
		}
	default:
	}
	if d.one(20) {
		it.call, it.nth, it.do = callObserve, d.IntN(30), pick(d, doPanic, doGoexit, doSleep)
	}
	if it.do == doSleep {
		it.after = d.between(time.Second, 20*time.Second)
	}
	if it.do == doHang {
		it.after = 0
	}
	if it.call == callRun && d.one(2) {
		it.nth = d.IntN(3) - 1 // every Run, or that of the first or second instance
		it.after = d.between(0, 2*time.Second)
	}
	d.add(it)
}

// stop adds one more reason to stop, at any moment.
func (d dice) stop() {
	it := item{slot: d.slot(), call: callStep, after: d.between(0, d.p.life), do: pick(d, doSignal, doSignal, doShootDown, doFinishMsg, doCancel)}
	if d.one(4) {
		it.after = d.between(0, 50*time.Millisecond)
	}
	if it.do == doSignal && d.one(2) {
		it.count, it.gap = 1, d.between(100*time.Millisecond, 3*time.Second)
	}
	if d.one(4) {
		it.call = pick(d, callInit, callRun, callMsg, callConnect, callFinish, callAttach)
	}
	d.add(it)
}

// visit looks in from outside.
func (d dice) visit() {
	d.add(item{slot: d.slot(), call: pick(d, callStep, callStep, callMsg), after: d.between(0, d.p.life), do: pick(d, doStatus, doLaunch)})
}
