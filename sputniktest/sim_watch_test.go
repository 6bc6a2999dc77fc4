package sputniktest_test

import (
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// What the library says of those that don't come forward: the watchdog, and circles of waits.

// waiting is one wait of the goroutine that calls a block's OnMsg, in Send or in Request.
type waiting struct {
	slot, to   int
	ask        *ask // nil: a Send
	begin, end time.Duration
}

// anybody is whom a broadcast waits for.
const anybody = -1

// waits notes that the stage is going to wait, perhaps; the returned function, that it has waited.
func (o *oracle) waits(s *stage, to int, q *ask) func() {
	if !s.serv {
		return func() {}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &waiting{slot: s.slot, to: to, ask: q, begin: o.w.now(), end: -1}
	o.waiting = append(o.waiting, w)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		w.end = o.w.now()
	}
}

// until returns when the wait no longer depended on the OnMsg of the other block: its own end, or that of the OnMsg that
// left the answer to somebody else.
func (o *oracle) until(w *waiting) time.Duration {
	end := w.end
	if end < 0 {
		end = 1 << 62
	}
	if w.ask != nil && !w.sentOn() && len(w.ask.holders) > 0 {
		for _, s := range o.books[w.ask.holders[0]].past {
			if s.call == callMsg && s.end >= 0 && s.begin <= w.ask.takenAt && s.end >= w.ask.takenAt {
				end = min(end, s.end)
			}
		}
	}
	return end
}

// mayWaitFor tells whether the wait may be one for this block: a request that is sent on is waited for where it lies.
func (w *waiting) mayWaitFor(name string) bool {
	return w.to == anybody || resp(w.to) == name || w.sentOn() && resp(w.ask.item.then) == name
}

func (w *waiting) sentOn() bool { return w.ask != nil && w.ask.kind == replyForward }

// checkCycle wants each block on a circle to wait for the next one.
func (o *oracle) checkCycle(e sputnik.WaitCycle, at time.Duration) {
	for i, d := range e.Blocks {
		next := e.Blocks[(i+1)%len(e.Blocks)]
		if !slices.ContainsFunc(o.waiting, func(w *waiting) bool {
			return resp(w.slot) == d.Responsibility && w.mayWaitFor(next.Responsibility) && w.begin <= at && o.until(w) >= at
		}) {
			o.offend("cycle", "%s is said to wait for %s in a circle, but doesn't", d.Responsibility, next.Responsibility)
		}
	}
}

// checkUnseenCycles wants a word on each circle.
func (o *oracle) checkUnseenCycles() {
	for _, first := range o.waiting {
		on, at := []*waiting{first}, first.begin
		for last := first; last != nil && (len(on) == 1 || last.slot != first.slot); {
			i := slices.IndexFunc(o.waiting, func(w *waiting) bool {
				return w.slot == last.to && w.slot != last.slot && w.begin <= at && o.until(w) > at
			})
			if last = nil; i >= 0 && !slices.Contains(on[1:], o.waiting[i]) {
				last = o.waiting[i]
				on = append(on, last)
			}
		}
		if slices.ContainsFunc(on, (*waiting).sentOn) {
			continue // where the request lies is not followed here
		}
		if closed := len(on) > 2 && on[len(on)-1] == first; !closed || o.until(first) == at || o.stopping() && o.stops[0].at <= at {
			continue
		}
		if !slices.ContainsFunc(o.events, func(e sputnik.Event) bool {
			_, ok := e.(sputnik.WaitCycle)
			return ok && e.When().Sub(o.w.start) == at
		}) {
			o.offend("cycle", "%d blocks wait in a circle that %s closes at %v, and nobody says so", len(on)-1, resp(first.slot), at)
		}
	}
}

// checkUnnoticed wants a word of the watchdog on each callback that runs for so long that it can't have overlooked it.
func (o *oracle) checkUnnoticed(t *times) {
	limit := o.w.plan.watchdog
	for _, b := range o.books {
		for _, s := range b.past {
			end := o.stops[0].at
			if s.end >= 0 {
				end = min(end, s.end)
			}
			watched := s.call == callMsg || s.call == callConnect || s.call == callDisconnect
			if !watched || end-s.begin < limit*3/2+2*time.Millisecond || slices.ContainsFunc(t.leaves[b.name], func(i interval) bool { return i.to > s.begin && i.from < end }) {
				continue
			}
			if !slices.ContainsFunc(o.events, func(e sputnik.Event) bool {
				w, ok := e.(sputnik.CallbackStalled)
				at := e.When().Sub(o.w.start)
				return ok && w.Block.Responsibility == b.name && w.Callback == s.call.String() && at > s.begin && at <= end
			}) {
				o.offend("watchdog", "%v of %s runs from %v to %v, which nobody notices", s.call, b.name, s.begin, s.end)
			}
		}
	}
}

// checkStalled wants a callback behind the word of the watchdog.
func (o *oracle) checkStalled(e sputnik.CallbackStalled, at time.Duration) {
	for _, b := range o.books {
		if b.name != e.Block.Responsibility {
			continue
		}
		for _, s := range b.past {
			if s.call.String() == e.Callback && s.begin <= at-e.For+time.Millisecond && (s.end < 0 || s.end >= at) {
				return
			}
		}
		o.offend("watchdog", "%s of %s is said to stall for %v, but doesn't", e.Callback, b.name, e.For)
	}
}
