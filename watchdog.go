package sputnik

import (
	"cmp"
	"time"

	"github.com/sputnik-go/sputnik/internal/watch"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// DefaultWatchdog is how long a callback may run before the watchdog tells of it; see [WithWatchdog].
const DefaultWatchdog = 30 * time.Second

// WithWatchdog sets for how long OnMsg, OnServerConnect and OnServerDisconnect of a block may run before a
// [CallbackStalled] tells of it, with the stacks of the block's own goroutines; the status shows it until the callback
// returns. Nothing is interrupted. Run, Init, Attach and Finish are not watched. The watchdog looks from outside, four
// times within the limit, so it may take half of the limit more. It looks from the launch until the process stops. It
// can't be switched off, but the limit may be long.
func WithWatchdog(d time.Duration) SputnikOption {
	return limit("WithWatchdog", d, func(c *config) *time.Duration { return &c.watchdog })
}

// WithBlockWatchdog sets the limit of [WithWatchdog] for this block. A short one has all blocks looked at as often,
// four times within it: with thousands of blocks that costs.
func WithBlockWatchdog(d time.Duration) BlockOption {
	return blockLimit("WithBlockWatchdog", d, func(b *Block) *time.Duration { return &b.watchdog })
}

// watch is the watchdog, on the goroutine of launch. It returns when the process stops.
func (in *initiator) watch() {
	for {
		tick := in.cfg.watchdog / 4
		for _, u := range in.blocks() {
			if tick = min(tick, u.look()/4); worker.Closed(in.stopping) {
				return
			}
		}
		if worker.Wait(in.stopping, time.Now().Add(max(tick, time.Millisecond)), in.added) {
			return
		}
	}
}

// look looks at the block's callbacks once, and returns their limit.
func (u *unit) look() time.Duration {
	u.watching.Lock()
	defer u.watching.Unlock()
	l := u.life.Load()
	limit := cmp.Or(l.block.watchdog, u.in.cfg.watchdog)
	news, calls := l.link.Busy()
	handled, busy := u.box.Busy()
	onMsg := "OnMsg"
	if !busy || l.block.serial && news != "" {
		onMsg = ""
	}
	u.see(0, news, uint64(l.number)<<32+uint64(calls), limit) //nolint:gosec // counts
	u.see(1, onMsg, handled, limit)
	return limit
}

// see notes one look at a callback, and tells when it stalls, and when it came back.
func (u *unit) see(i int, callback string, mark uint64, limit time.Duration) {
	turn, callback, took := u.watched.See(i, callback, mark, limit)
	if turn == watch.None {
		return
	}
	u.note(func(b *book) { b.stalled = u.watched.Stalled() })
	if turn == watch.Stalled {
		u.peer.Inquire()
		emit(u.in, CallbackStalled{now(), u.desc, callback, took, u.stacks()})
	} else {
		emit(u.in, CallbackReturned{now(), u.desc, callback, took})
	}
}
