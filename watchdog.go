package sputnik

import (
	"cmp"
	"time"

	"github.com/sputnik-go/sputnik/internal/watch"
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
type watched [2]watch.Call

// watch is the watchdog, on the goroutine of launch. It returns when the process stops.
func (in *initiator) watch() {
	for {
		tick := in.cfg.watchdog / 4
		for _, u := range in.blocks() {
			limit := cmp.Or(u.life.Load().block.watchdog, in.cfg.watchdog)
			tick = min(tick, limit/4)
			u.look(limit)
		}
		if await(in.stopping, time.Now().Add(max(tick, time.Millisecond)), nil) {
			return
		}
	}
}

func (u *unit) look(limit time.Duration) {
	news, onMsg := "", "OnMsg"
	if l := u.life.Load(); l.link != nil {
		kind, calls := l.link.Busy()
		news = kind.String()
		u.see(0, news, uint64(calls), limit) //nolint:gosec // a count
	}
	handled, busy := u.box.Busy()
	if !busy || u.shape.serial && news != "" {
		onMsg = ""
	}
	u.see(1, onMsg, handled, limit)
}

// see notes one look at a callback, and tells when it stalls, and when it came back.
func (u *unit) see(i int, callback string, mark uint64, limit time.Duration) {
	turn, callback, took := u.watched[i].See(callback, mark, limit)
	if turn == watch.None {
		return
	}
	u.mu.Lock()
	u.stalled = cmp.Or(u.watched[0].Stalled(), u.watched[1].Stalled())
	u.mu.Unlock()
	if turn == watch.Stalled {
		u.in.events.emit(CallbackStalled{now(), u.desc, callback, took, u.stacks()})
	} else {
		u.in.hung.Add(-1)
		u.in.events.emit(CallbackReturned{now(), u.desc, callback, took})
	}
}
