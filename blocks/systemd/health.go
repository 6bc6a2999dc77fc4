package systemd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// trouble says why WATCHDOG=1 has to be withheld; empty: the engine and the blocks turn. It never depends on the
// server: a callback that waits for one that is away is no reason to kill the process.
func (t teller) trouble(s sputnik.Status, now time.Time) string {
	if s.Cause != nil { // the engine abandons a block that hangs; only the engine itself has to get on
		if now.Sub(t.progress.movedAt) > t.watchdog {
			return "the finish makes no progress"
		}
		return ""
	}
	for _, b := range s.Blocks {
		resp := b.Block.Responsibility
		switch {
		case !t.upLong(s.Connection, now) || slices.Contains(t.conf.WatchdogIgnore, resp):
		case b.Stalled != "":
			return fmt.Sprintf("block %q: %s runs for too long", resp, b.Stalled)
		case slices.Contains(t.conf.WatchdogProgress, resp) && now.Sub(t.progress.idleAt[resp]) > t.watchdog/2:
			return fmt.Sprintf("block %q: messages wait, and none is handled", resp)
		}
	}
	for _, cycle := range s.WaitCycles {
		if slices.ContainsFunc(cycle, func(d sputnik.BlockDescriptor) bool { return !slices.Contains(t.conf.WatchdogIgnore, d.Responsibility) }) {
			return "blocks wait for each other: " + circle(cycle)
		}
	}
	return ""
}

// upLong tells whether the connection stands for so long that nobody waits for it any more, or there is none to wait for.
func (t teller) upLong(c sputnik.ConnectionStatus, now time.Time) bool {
	return c.State == "" || c.State == sputnik.StateConnected && now.Sub(c.Since) >= t.watchdog
}

func circle(cycle []sputnik.BlockDescriptor) string {
	var b strings.Builder
	for _, d := range cycle {
		fmt.Fprintf(&b, "%q, ", d.Responsibility)
	}
	return b.String() + fmt.Sprintf("%q", cycle[0].Responsibility)
}
