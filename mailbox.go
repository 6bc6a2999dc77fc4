package sputnik

import "fmt"

// Overflow says what becomes of a message that finds a bounded mailbox full; see [WithMailbox].
type Overflow uint8

// The values are those of internal/mailbox.
const (
	// Reject refuses the new message: Send returns false.
	Reject Overflow = iota + 1
	// DropOldest makes room by dropping the oldest waiting message, which is counted as dead.
	DropOldest
	// Wait holds the sender until there is room; or until the receiver's finish, or until the sending block's own time
	// in its finish, or for making room for its next instance, is nearly up, or, where the message is a [Request],
	// until the context of that ends: then Send returns false. A block's Send to itself, and any Send before the
	// launch, never waits: it goes beyond the bound. Don't let blocks that wait for each other form a circle: they
	// would stand still until the finish.
	Wait
)

// String returns "reject", "drop oldest" or "wait".
func (o Overflow) String() string {
	if o >= Reject && o <= Wait {
		return [...]string{"reject", "drop oldest", "wait"}[o-Reject]
	}
	return fmt.Sprintf("overflow policy %d", uint8(o))
}

// MailboxStatus is a snapshot of a block's mailbox. Once the block is finished or abandoned the figures balance:
// everything sent is Handled, Rejected or Dead (G13).
type MailboxStatus struct {
	Depth     int    // accepted and not handled yet, the message in OnMsg included
	HighWater int    // the largest Depth; for an unbounded mailbox a lower bound
	Capacity  int    // waiting messages at most; 0 is unbounded
	Accepted  uint64 // Send was true
	Handled   uint64 // OnMsg came back, if only by a panic
	Rejected  uint64 // Send was false
	Dead      uint64 // accepted, but dropped or left unhandled
}
