package sputnik

import "time"

// State is where a process or a block is in its life; the diagrams are in the package documentation.
type State string

// The states of a process: new, preparing, prepared, running, finishing, finished.
// The states of a block: created, initialised, running, failed, finishing, and finished or abandoned.
const (
	StateNew         State = "new" // Prepare was not called
	StatePreparing   State = "preparing"
	StatePrepared    State = "prepared"
	StateCreated     State = "created"
	StateInitialised State = "initialised"
	StateRunning     State = "running"
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
	// Ready tells that all is well: running, connected if there is a connector, no block failed,
	// not finishing (G19).
	Ready bool
	// Reason says in one sentence why the process is not ready; empty when it is.
	Reason string

	Blocks     []BlockStatus    // in the order of initialisation
	Connection ConnectionStatus // zero where there is no connector
}

// BlockStatus is a snapshot of one block.
type BlockStatus struct {
	Block     BlockDescriptor
	State     State
	Since     time.Time // when State was entered
	Mailbox   MailboxStatus
	LastError error
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
	initiator, ok := bc.Communicator(InitiatorResponsibility)
	if !ok {
		return Status{}, false
	}
	var s Status
	q := statusQuery{answer: &s}
	initiator.Send(Msg{controlKey: q})
	return s, s.State != ""
}

// Status returns a snapshot of the process that this Sputnik was last prepared for.
func (s Sputnik) Status() Status {
	if s.flight != nil {
		if in := s.flight.Load(); in != nil {
			return in.status()
		}
	}
	return Status{State: StateNew, Reason: "not prepared"}
}
