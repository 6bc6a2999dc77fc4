package sputniktest_test

import (
	"errors"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Restarts: what the policy makes of the failures that the oracle has seen.

// addFailureStops adds to the reasons to stop the failures of blocks, and what a restart policy makes of them: too many
// within the window, or an instance that doesn't end.
func (o *oracle) addFailureStops(t *times) {
	for _, b := range o.books {
		for _, s := range b.past {
			fails := s.end >= 0 && s.how != returns && s.call > callAttach && s.call != callFinish
			if fails && b.bp.restart.When == sputnik.RestartNever && !t.leftBy(b.name, s) {
				o.stops = append(o.stops, stopCause{s.end, causeFailure, b.slot, s.call})
			}
		}
	}
	o.sortStops()
	first := time.Duration(-1)
	if len(o.stops) > 0 {
		first = o.stops[0].at
	}
	for _, b := range o.books {
		if b.bp.restart.When == sputnik.RestartNever || b.n[callRun] == 0 {
			continue
		}
		if s, ok := o.storm(b, t, first); ok {
			o.stops = append(o.stops, s)
		}
	}
	o.sortStops()
}

// storm follows the instances of a block up to the stop that their failures cause, if they do.
func (o *oracle) storm(b *book, t *times, stopped time.Duration) (s stopCause, ok bool) {
	var at []time.Duration
	var first call
	p := b.bp.restart
	for instance := 1; instance <= b.instances; instance++ {
		if !slices.ContainsFunc(b.past, func(s span) bool { return s.instance == instance }) {
			continue // made for a name that was taken
		}
		if o.isAddition(b, instance) {
			at = nil
			if !b.has(instance, callRun) {
				continue
			}
		}
		failed, c := b.failure(instance, o.w.plan.initTimeout)
		if failed < 0 || stopped >= 0 && failed > stopped {
			return s, false
		}
		if slices.ContainsFunc(t.leaves[b.name], func(i interval) bool { return failed >= i.from }) {
			return s, false
		}
		down, ends := b.down(instance, failed)
		if abandoned, is := t.settled[b.name]; t.abandoned[b.name] && is && abandoned < t.begun+1 && (!ends || down > abandoned) {
			if c <= callAttach { // what the storm began with
				c = first
			}
			return stopCause{abandoned, causeFailure, b.slot, c}, true
		}
		for len(at) > 0 && down-at[0] >= p.Window {
			at = at[1:]
		}
		if len(at) == 0 {
			first = c
		}
		if len(at) >= p.Max {
			return stopCause{down, causeRestart, b.slot, first}, true
		}
		at = append(at, down)
	}
	return s, false
}

// isAddition tells whether AddBlock has made an instance, not a restart.
func (o *oracle) isAddition(b *book, instance int) bool {
	i := slices.IndexFunc(b.past, func(s span) bool { return s.instance == instance && s.call == callInit })
	return i >= 0 && slices.ContainsFunc(o.changes, func(c *change) bool {
		_, setup := errors.AsType[*sputnik.SetupError](c.err)
		return c.item.do == doAdd && c.item.to == b.slot && !setup && c.begun <= b.past[i].begin && (c.ended < 0 || c.ended >= b.past[i].begin)
	})
}

// failure returns when an instance failed first, and how; -1: never.
func (b *book) failure(instance int, initLimit time.Duration) (at time.Duration, c call) {
	at = -1
	for _, s := range b.past {
		if s.instance != instance {
			continue
		}
		end := s.end
		failed := s.end >= 0 && s.how != returns && s.call != callFinish || s.early && b.bp.restart.When == sputnik.RestartAlways
		if s.call <= callAttach && (s.end < 0 || s.end-s.begin > initLimit) {
			failed, end = true, s.begin+initLimit
		}
		if failed && (at < 0 || end < at) {
			at, c = end, s.call
		}
	}
	return at, c
}

// down returns when the last callback of an instance has returned, and whether all of them have.
func (b *book) down(instance int, failed time.Duration) (at time.Duration, ends bool) {
	at, ends = failed, true
	for _, s := range b.past {
		if s.instance == instance {
			at, ends = max(at, s.end), ends && s.end >= 0
		}
	}
	return at, ends
}

// wasReplaced tells whether the end of a Run was a reason for another instance, without a failure.
func (b *book) wasReplaced(s span, stopped time.Duration) bool {
	return s.early && b.bp.restart.When == sputnik.RestartAlways && s.end <= stopped
}

// cured tells whether a failure is none of the process's: another instance followed, or the block was never part of it.
func (o *oracle) cured(b *book, s span, t *times) bool {
	if t.leftBy(b.name, s) || b.bp.restart.When != sputnik.RestartNever &&
		slices.ContainsFunc(t.leaves[b.name], func(i interval) bool { return i.to >= s.end }) {
		return true
	}
	for _, later := range b.past {
		if later.instance > s.instance && later.call == callRun {
			return true
		}
	}
	return s.call <= callAttach && o.isAddition(b, s.instance)
}

// blames tells whether an error is a failure of this callback.
func blames(err error, c call) bool {
	if e, ok := errors.AsType[*sputnik.BlockError](err); ok {
		return e.Callback == c.String()
	}
	e, ok := errors.AsType[*sputnik.InitError](err)
	return ok && e.Callback == c.String()
}

// checkRestarts wants no restart after the stop, and Finish for what was initialised and didn't come to run.
func (o *oracle) checkRestarts(t *times) {
	for _, b := range o.books {
		for _, s := range b.past {
			if s.call != callInit || s.instance == 1 {
				continue
			}
			if at, _ := b.failure(s.instance-1, o.w.plan.initTimeout); b.bp.restart.When != sputnik.RestartNever && !b.bp.spare && at > o.stops[0].at {
				o.offend("restart", "instance %d of %s begins although the last one failed after the stop", s.instance, b.name)
			}
		}
		if b.bp.kind == runContext || t.abandoned[b.name] || o.launchedAt < 0 {
			continue
		}
		for instance := 1; instance <= b.instances; instance++ {
			if b.has(instance, callAttach) && !b.has(instance, callRun) && !b.has(instance, callFinish) {
				o.offend("G2", "instance %d of %s was attached in vain, but never gets its Finish", instance, b.name)
			}
		}
	}
}

func (b *book) has(instance int, c call) bool {
	return slices.ContainsFunc(b.past, func(s span) bool { return s.instance == instance && s.call == c })
}
