package admin

import (
	"time"

	"github.com/sputnik-go/sputnik"
)

// look is how often the process is looked at.
const look = 200 * time.Millisecond

// observe calls f with the events of the process that self belongs to, one at a time, until stop, which waits for a
// call in progress. They are found by looking at the status: what comes and goes between two looks is not seen.
func observe(self sputnik.BlockCommunicator, f func(sputnik.Event)) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(look)
		defer tick.Stop()
		var before sputnik.Status
		for {
			now, _ := sputnik.StatusOf(self)
			changes(before, now, f)
			before = now
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// changes tells what has happened between two looks.
func changes(was, is sputnik.Status, tell func(sputnik.Event)) {
	at := sputnik.At{Time: time.Now()}
	if was.State != is.State {
		switch is.State {
		case sputnik.StateRunning:
			tell(sputnik.ProcessRunning{At: at})
		case sputnik.StateFinishing:
			tell(sputnik.ProcessFinishing{At: at, Cause: is.Cause})
		default:
		}
	}
	if was.Ready != is.Ready || was.State != is.State && is.State == sputnik.StateRunning {
		tell(sputnik.ReadyChanged{At: at, Ready: is.Ready, Reason: is.Reason})
	}
	old := map[sputnik.BlockDescriptor]sputnik.BlockStatus{}
	for _, b := range was.Blocks {
		old[b.Block] = b
	}
	for _, b := range is.Blocks {
		blockChanges(at, old[b.Block], b, tell)
	}
	connectionChanges(at, was.Connection, is.Connection, tell)
}

func blockChanges(at sputnik.At, was, is sputnik.BlockStatus, tell func(sputnik.Event)) {
	if is.Restarts > was.Restarts || was.State != is.State && is.State == sputnik.StateRestarting {
		tell(sputnik.BlockFailed{At: at, Block: is.Block, Err: is.LastError})
		tell(sputnik.BlockRestarting{At: at, Block: is.Block, Err: is.LastError, Restart: max(is.Restarts, 1)})
	}
	if was.Stalled == "" && is.Stalled != "" {
		tell(sputnik.CallbackStalled{At: at, Block: is.Block, Callback: is.Stalled})
	}
	if was.State == is.State {
		return
	}
	switch is.State {
	case sputnik.StateRunning:
		tell(sputnik.BlockRunning{At: at, Block: is.Block})
	case sputnik.StateFailed:
		tell(sputnik.BlockFailed{At: at, Block: is.Block, Err: is.LastError})
	case sputnik.StateFinishing:
		tell(sputnik.BlockFinishing{At: at, Block: is.Block, Queued: is.Mailbox.Depth})
	case sputnik.StateFinished:
		tell(sputnik.BlockFinished{At: at, Block: is.Block, Mailbox: is.Mailbox})
	default:
	}
}

func connectionChanges(at sputnik.At, was, is sputnik.ConnectionStatus, tell func(sputnik.Event)) {
	switch {
	case is.State == sputnik.StateConnected && was.State != is.State:
		tell(sputnik.Connected{At: at, Attempt: max(was.Attempt, 1)})
	case was.State == sputnik.StateConnected && was.State != is.State:
		tell(sputnik.ConnectionLost{At: at, Err: is.LastError})
	case is.Attempt > max(was.Attempt, 1):
		tell(sputnik.ConnectFailed{At: at, Attempt: is.Attempt - 1, Err: is.LastError})
	}
}
