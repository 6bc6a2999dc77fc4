package sputnik

import (
	"github.com/sputnik-go/sputnik/internal/wait"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// BlockCommunicator is a block's handle on a block: on itself, as Run and Attach get it, or on another
// one, as Communicator returns it. All methods may be called from any goroutine, at any time, even after
// the process has ended. A block uses its own handles only: who sends or asks is known by the handle.
type BlockCommunicator interface {
	// Communicator returns a handle on the block with this responsibility, and false where there
	// is none. [InitiatorResponsibility] gives the one that takes [FinishMsg].
	Communicator(resp string) (bc BlockCommunicator, exists bool)

	// Descriptor identifies the block behind the handle.
	Descriptor() BlockDescriptor

	// Send puts msg into the block's mailbox and tells whether it was accepted. It is refused when msg is nil, when the
	// block has no OnMsg, when its finish has begun, and by a full mailbox with [Reject]. Send doesn't block, except with
	// [Wait] (G12), and makes no allocation for a message (G14). With Wait, a [Request] is refused also when its asker's
	// context ends. The initiator accepts nothing but [FinishMsg], and nothing once the process has ended.
	Send(msg Msg) bool
}

// communicator lets one block send to another, or to itself.
type communicator struct{ from, to *unit }

func (c *communicator) Communicator(resp string) (BlockCommunicator, bool) {
	if resp == InitiatorResponsibility {
		return &control{communicator{c.from, c.from}}, true
	}
	to, ok := c.from.in.byResp.Find(resp)
	if !ok {
		return nil, false
	}
	return &communicator{c.from, to}, true
}

func (c *communicator) Descriptor() BlockDescriptor { return c.to.desc }

func (c *communicator) Send(msg Msg) bool {
	if c.from.peer.IsAsked() {
		return c.sendOn(msg)
	}
	accepted, full := c.to.box.Send(msg)
	return accepted || full && c.hold(msg)
}

// sendOn sends what may be a request.
func (c *communicator) sendOn(msg Msg) bool {
	request := wait.In[BlockDescriptor](msg)
	if !c.to.receives {
		request = nil // it stays where it is
	}
	was := request.Hand(&c.to.peer)
	accepted, full := c.to.box.Send(msg)
	accepted = accepted || full && c.hold(msg)
	request.SentOn(accepted, was)
	return accepted
}

// hold waits for room in a full mailbox with [Wait].
func (c *communicator) hold(msg Msg) bool {
	request := wait.In[BlockDescriptor](msg) // also one that is asked here, or held by another
	// Nobody would make room for a message to itself, nor before the launch.
	accepted, held := c.to.box.Hold(msg, c.from != c.to && c.from.in.claimed.Load())
	if held != nil {
		accepted = wait.Room(&c.from.peer, &c.to.peer, &c.to.box, held, request, c.from.life.Load().Flush.Done())
	}
	return accepted
}

// control is a block's handle on the initiator. What is sent to it is done at once, on the sender's goroutine.
type control struct{ communicator }

// controlKey carries the initiator's control values. They are of unexported types: no block can forge one.
const controlKey = "__sputnik"

type (
	finishRequest struct{}
	originQuery   struct{ from *unit }
)

// FinishMsg returns the message that, sent to the initiator by any block, finishes the process in order,
// as a signal does (G6):
//
//	if initiator, ok := bc.Communicator(sputnik.InitiatorResponsibility); ok {
//		initiator.Send(sputnik.FinishMsg())
//	}
func FinishMsg() Msg { return Msg{controlKey: finishRequest{}} }

func (c *control) Descriptor() BlockDescriptor {
	return BlockDescriptor{InitiatorResponsibility, InitiatorResponsibility}
}

func (c *control) Send(msg Msg) bool {
	in := c.from.in
	switch v := msg[controlKey].(type) {
	case finishRequest:
		if worker.Closed(in.landed) {
			return false
		}
		in.stop(&FinishRequestError{By: c.from.desc})
		return true
	case *originQuery:
		v.from = c.from
		return true
	}
	return false
}
