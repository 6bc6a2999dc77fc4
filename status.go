package sputnik

import (
	"fmt"
	"time"
)

// State is where a process or a block is in its life; the diagrams are in the package documentation.
type State string

// The states of a process: new, preparing, prepared, running, finishing, finished.
// The states of a block: created, initialised, running, restarting, failed, finishing, and finished or abandoned.
const (
	StateNew         State = "new" // Prepare was not called
	StatePreparing   State = "preparing"
	StatePrepared    State = "prepared"
	StateCreated     State = "created"
	StateInitialised State = "initialised"
	StateRunning     State = "running"
	StateRestarting  State = "restarting"
	StateFailed      State = "failed"
	StateFinishing   State = "finishing"
	StateFinished    State = "finished"
	StateAbandoned   State = "abandoned"

	// StateDisconnected and the next two are those of the connection.
	StateDisconnected State = "disconnected"
	StateConnecting   State = "connecting"
	StateConnected    State = "connected"
)

// Status is a snapshot of a process.
type Status struct {
	State State
	Since time.Time // when State was entered
	Cause error     // why the process stops; nil before

	// Live is true from Prepare until everything is finished. It never depends on the server (G19).
	Live bool
	// Ready tells that all is well: running, connected if there is a connector, no block failed or restarting,
	// not finishing (G19).
	Ready bool
	// Reason says in one sentence why the process is not ready; empty when it is.
	Reason string

	Blocks     []BlockStatus       // in the order of initialisation
	Connection ConnectionStatus    // zero where there is no connector
	WaitCycles [][]BlockDescriptor // that stand still, as the OnMsg of each waits for the next; see [WaitCycle]

	down BlockRestarting // one that is in progress
}

// reason says in one sentence why not ready.
func (s Status) reason() string {
	switch {
	case s.Ready:
		return ""
	case s.State == StateFinished:
		return fmt.Sprintf("stopped: %v", s.Cause)
	case s.Cause != nil:
		return fmt.Sprintf("stopping: %v", s.Cause)
	case s.State == StatePreparing:
		return "the blocks are being initialised"
	case s.State != StateRunning:
		return "not launched yet"
	case s.down.Err != nil:
		return fmt.Sprintf("block %s is being restarted: %v", s.down.Block, s.down.Err)
	}
	c, why := s.Connection, "no connection to the server"
	if c.State == StateConnecting {
		why += fmt.Sprintf(": attempt %d is in progress", c.Attempt)
	} else if !c.NextTry.IsZero() {
		why += fmt.Sprintf(": attempt %d follows in %v", c.Attempt, max(0, time.Until(c.NextTry)).Round(time.Millisecond))
	}
	if c.LastError != nil {
		why += fmt.Sprintf("; last error: %v", c.LastError)
	}
	return why
}

// BlockStatus is a snapshot of one block.
type BlockStatus struct {
	Block     BlockDescriptor
	State     State
	Since     time.Time // when State was entered
	Mailbox   MailboxStatus
	LastError error  // also one that a restart has cured
	Restarts  int    // so far; see [WithRestart]
	Stalled   string // the callback that runs for longer than the watchdog's limit; see [WithWatchdog]
	WaitsFor  string // the responsibility of a block that it waits for, in Send or Request
}

// ConnectionStatus is a snapshot of the connection to the server.
type ConnectionStatus struct {
	State     State
	Since     time.Time
	Attempt   int       // of the connect in progress or to come, from 1; 0 when connected
	NextTry   time.Time // zero unless an attempt is waited for
	LastError error     // of the last failed attempt, or why the last connection broke
}

// StatusOf returns a snapshot of the process that a communicator belongs to, and false where there
// is none behind it (a mock). It never blocks and may be called from anywhere.
func StatusOf(bc BlockCommunicator) (Status, bool) {
	if from := origin(bc); from != nil {
		return from.in.status(), true
	}
	return Status{}, false
}

// Status returns a snapshot of the process that this Sputnik was last prepared for.
func (s Sputnik) Status() Status {
	if s.flight == nil || s.flight.Load() == nil {
		return Status{State: StateNew, Reason: "not prepared"}
	}
	return s.flight.Load().status()
}
