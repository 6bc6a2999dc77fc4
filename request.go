package sputnik

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/sputnik-go/sputnik/internal/errs"
	"github.com/sputnik-go/sputnik/internal/wait"
)

// Why a request got no answer: [Request] returns one of these inside a *[RequestError], as it does with the failure
// of the other block's OnMsg (a *[BlockError]) and the cause of the context's end.
var (
	// ErrNoBlock says that there is no such block, or no process behind the handle.
	ErrNoBlock = errors.New("no such block")
	// ErrNoOnMsg says that the block takes no messages.
	ErrNoOnMsg = errors.New("the block has no OnMsg")
	// ErrSelf says that a block asked, or tried to remove, itself.
	ErrSelf = errors.New("a block can't do that to itself")
	// ErrBlockEnded says that the block's finish has begun, or that it ended, for good or for a restart, before it
	// answered.
	ErrBlockEnded = errors.New("the block has ended")
	// ErrMailboxFull says that a full mailbox refused the request, or dropped it.
	ErrMailboxFull = errors.New("the block's mailbox is full")
	// ErrRefused says that a message could not be sent, for a reason that is not known, or told beside it.
	ErrRefused = errors.New("the message was refused")
)

// Why an answer did not reach anybody.
var (
	// ErrNotAsked says that the message came by Send, not by [Request].
	ErrNotAsked = errors.New("the message asks for no answer")
	// ErrReplied says that the message is answered already.
	ErrReplied = wait.ErrReplied
	// ErrAskerGone says that nobody waits for the answer any more.
	ErrAskerGone = wait.ErrAskerGone
)

// RequestError says which block did not answer a [Request], and why.
type RequestError struct {
	Block BlockDescriptor // zero where there is none
	Err   error
}

func (e *RequestError) Error() string {
	if e.Block == (BlockDescriptor{}) {
		return fmt.Sprintf("request: %v", e.Err)
	}
	return fmt.Sprintf("request to block %s: %v", e.Block, e.Err)
}
func (e *RequestError) Unwrap() error { return e.Err }

var errTimeToFinish = fmt.Errorf("%w: the asking block has to finish", ErrTimeout)

// Request sends msg to a block and waits for its answer, which comes by [Reply]. Ownership of msg passes as with
// Send; it is not copied, but gets a reserved key. bc is the asking block's own handle on another block, as
// Communicator returns it. Request may be called from any goroutine.
//
// The error, a *[RequestError], comes as soon as it is clear that there will be no answer: there is no such block, it
// has no OnMsg, its mailbox is full, its OnMsg failed with this message, it ended or was restarted ([ErrNoBlock] and
// those below it, or a *[BlockError]). A block can't ask itself (ErrSelf). A msg that is nil, or a request already, is
// refused (ErrRefused). Where the asking block itself is about to end, for good or for a restart, and its time for
// that is nearly up ([FlushContext]), the error is [ErrTimeout]. A block that lives and doesn't answer is waited for
// until ctx ends; the error then is ctx's cause. Before the launch, in Attach, nobody answers. Inside of OnMsg, ctx
// should have a limit, since nothing else is handled meanwhile.
//
// A bc that isn't of this package, a decorated one or a mock, is asked for its initiator, which gets a message with a
// reserved key. Where no process is behind it, neither the reason for a refusal is known nor the other block's end.
func Request(ctx context.Context, bc BlockCommunicator, msg Msg) (Msg, error) {
	if errs.IsNil(bc) {
		return nil, &RequestError{Err: ErrNoBlock}
	}
	answer, err := request(ctx, bc, msg)
	if err != nil {
		return nil, &RequestError{bc.Descriptor(), err}
	}
	return answer, nil
}

func request(ctx context.Context, bc BlockCommunicator, msg Msg) (Msg, error) {
	from, to, err := ends(bc)
	_, twice := msg[wait.Key]
	switch {
	case err != nil:
		return nil, err
	case msg == nil || twice:
		return nil, fmt.Errorf("%w: it is nil, or a request already: send that on, or ask with another one", ErrRefused)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	var asker, asked *wait.Peer[BlockDescriptor]
	if to != nil {
		asker, asked = &from.peer, &to.peer
	}
	w := wait.Request(ctx, asker, asked)
	defer w.Leave()
	if to != nil && from.life.Load().Flush.Err() != nil { // else its end finds the request
		w.Fail(errTimeToFinish)
	}
	msg[wait.Key] = w
	if !w.Asking() || !bc.Send(msg) {
		delete(msg, wait.Key)
		w.Fail(refusal(ctx, from, to))
	}
	return w.Answer(ctx, asked)
}

// ends finds out who asks whom. On a mock nobody knows.
func ends(bc BlockCommunicator) (from, to *unit, err error) {
	resp := bc.Descriptor().Responsibility
	if h, ok := bc.(*communicator); ok {
		from, to = h.from, h.to
	} else if from = origin(bc); from != nil { // a decorated one
		to, _ = from.in.byResp.Find(resp)
	}
	switch {
	case from != nil && resp == InitiatorResponsibility, to != nil && !to.receives:
		err = ErrNoOnMsg
	case to != nil && from == to:
		err = ErrSelf
	}
	return from, to, err
}

// refusal says why Send was false.
func refusal(ctx context.Context, from, to *unit) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case from == nil:
		return ErrRefused
	case to == nil, to.box.Closed():
		return ErrBlockEnded
	case from.life.Load().Flush.Err() != nil:
		return errTimeToFinish
	case to.life.Load().block.overflow == Reject:
		return ErrMailboxFull
	}
	return ErrBlockEnded // by a handle on a block of that name that is gone
}

// Reply answers a message that came by [Request]. Ownership of answer, which may be nil, passes to the asker. The
// block that was asked may do it at any time, from any goroutine, or send the message on to another block, which then
// answers. The error is ErrNotAsked, ErrReplied or ErrAskerGone; the answer then went nowhere. A message that was sent
// on and refused is still the sender's to answer.
func Reply(msg, answer Msg) error {
	if w := wait.In[BlockDescriptor](msg); w != nil {
		return w.Reply(answer)
	}
	return ErrNotAsked
}

// Broadcast sends a copy of msg, made by maps.Clone, to each block that has an OnMsg and that filter lets pass, in the
// order of initialisation. A nil filter passes all but the block that bc was handed to. msg stays the caller's, but
// its values are shared by all copies. A copy of a request is none: nobody answers it. Broadcast returns how many have
// accepted, and which have refused; it waits at each full mailbox with [Wait], one after another (see Send). With no
// process behind bc (a mock) there is nobody to send to.
func Broadcast(bc BlockCommunicator, msg Msg, filter func(BlockDescriptor) bool) (accepted int, refused []BlockDescriptor) {
	from := origin(bc)
	if from == nil || msg == nil {
		return 0, nil
	}
	for _, to := range from.in.blocks() {
		if !to.receives || filter == nil && to == from || filter != nil && !filter(to.desc) {
			continue
		}
		own := maps.Clone(msg)
		delete(own, wait.Key)
		if (&communicator{from, to}).Send(own) {
			accepted++
		} else {
			refused = append(refused, to.desc)
		}
	}
	return accepted, refused
}

// origin returns the block that bc was handed to; nil without a process behind bc.
func origin(bc BlockCommunicator) *unit {
	if errs.IsNil(bc) {
		return nil
	}
	initiator, ok := bc.Communicator(InitiatorResponsibility)
	if !ok || errs.IsNil(initiator) {
		return nil
	}
	var q originQuery
	initiator.Send(Msg{controlKey: &q})
	return q.from
}
