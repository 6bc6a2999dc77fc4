package sputnik

import (
	"time"
)

// DefaultWatchdog is how long a callback may run before the watchdog tells of it; see [WithWatchdog].
const DefaultWatchdog = 30 * time.Second

// WithWatchdog sets for how long OnMsg, OnServerConnect and OnServerDisconnect of a block may run before a [CallbackStalled]
// tells of it, with the stacks of the block's own goroutines; the status shows it until the callback returns. Nothing is interrupted. The watchdog
// looks from outside, four times within the limit, so it takes up to a half of the limit more.
func WithWatchdog(d time.Duration) SputnikOption {
	return limit("WithWatchdog", d, func(c *config) *time.Duration { return &c.watchdog })
}

// WithBlockWatchdog sets the limit of [WithWatchdog] for this block.
func WithBlockWatchdog(limit time.Duration) BlockOption {
	return func(b *Block) {
		if limit <= 0 {
			b.fault("WithBlockWatchdog: %v: must be positive", limit)
		}
		b.watchdog = limit
	}
}

// watched is what the watchdog remembers of a block: of its connection callbacks, and of OnMsg.
type watched [2]struct {
	callback string // in progress; empty: none
	mark     uint64 // tells one call from the next
	since    time.Time
	told     bool
}

// watch is the watchdog, on the goroutine of launch. It returns when the process stops.
func (in *initiator) watch() {
	for {
		tick := in.cfg.watchdog / 4
		for _, u := range in.blocks() {
			tick = min(tick, in.watchdogOf(u)/4)
			u.look(in.watchdogOf(u))
		}
		if await(in.stopping, time.Now().Add(max(tick, time.Millisecond)), in.added) {
			return
		}
	}
}

func (in *initiator) watchdogOf(u *unit) time.Duration {
	if d := u.life.Load().block.watchdog; d > 0 {
		return d
	}
	return in.cfg.watchdog
}

func (u *unit) look(limit time.Duration) {
	name := ""
	if l := u.life.Load(); l.link != nil {
		var calls int
		name, calls = l.link.Busy()
		u.see(0, name, uint64(calls), limit) //nolint:gosec // a count
	}
	handled, busy := u.box.Busy()
	if !busy || u.shape.serial && name != "" {
		u.see(1, "", 0, limit)
	} else {
		u.see(1, "OnMsg", handled, limit)
	}
}

// see notes one look at a callback, and tells when it stalls, and when it came back.
func (u *unit) see(i int, callback string, mark uint64, limit time.Duration) {
	w := &u.watched[i]
	took := time.Since(w.since).Round(time.Millisecond)
	if callback != w.callback || mark != w.mark {
		if w.told {
			u.setStalled("")
			u.in.hung.Add(-1)
			u.in.events.emit(CallbackReturned{now(), u.desc, w.callback, took})
		}
		w.callback, w.mark, w.since, w.told = callback, mark, time.Now(), false
		return
	}
	if callback != "" && !w.told && took >= limit {
		w.told = true
		u.setStalled(callback)
		u.in.events.emit(CallbackStalled{now(), u.desc, callback, took, u.stacks()})
	}
}

func (u *unit) setStalled(callback string) {
	u.mu.Lock()
	u.stalled = callback
	u.mu.Unlock()
}
