package sputnik

import "github.com/sputnik-go/sputnik/internal/mailbox"

// Overflow says what becomes of a message that finds a bounded mailbox full; see [WithMailbox].
type Overflow mailbox.Overflow

const (
	// Reject refuses the new message: Send returns false.
	Reject = Overflow(mailbox.Reject)
	// DropOldest makes room by dropping the oldest waiting message, which is counted as dead.
	DropOldest = Overflow(mailbox.DropOldest)
	// Wait holds the sender until there is room, or until the receiver's finish, or the end of the sending
	// block's own finish, when Send returns false. A block's Send to itself, and any Send before the launch, never
	// waits: it goes beyond the bound.
	Wait = Overflow(mailbox.Wait)
)

// MailboxStatus is a snapshot of a block's mailbox. Once the block is finished or abandoned the figures balance:
// everything sent is Handled, Rejected or Dead (G13).
type MailboxStatus struct {
	Depth     int    // accepted and not handled yet, the message in OnMsg included
	HighWater int    // the largest Depth; for an unbounded mailbox, sampled as its storage grows
	Capacity  int    // waiting messages at most; 0 is unbounded
	Accepted  uint64 // Send was true
	Handled   uint64 // OnMsg came back
	Rejected  uint64 // Send was false
	Dead      uint64 // accepted, but dropped or left unhandled
}
