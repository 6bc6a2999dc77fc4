package sputnik

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

// Why a request got no answer: [Request] returns one of these inside a *[RequestError], as it does with the failure
// of the other block's OnMsg (a *[BlockError]) and the cause of the context's end.
var (
	// ErrNoBlock says that there is no such block.
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
	ErrReplied = errors.New("the message is answered already")
	// ErrAskerGone says that nobody waits for the answer any more.
	ErrAskerGone = errors.New("nobody waits for the answer any more")
)

// RequestError says which block did not answer a [Request], and why.
type RequestError struct {
	Block BlockDescriptor // zero where there is none
	Err   error
}

func (e *RequestError) Error() string { return fmt.Sprintf("request to block %s: %v", e.Block, e.Err) }
func (e *RequestError) Unwrap() error { return e.Err }

// requestKey carries the call in a message.
const requestKey = "__request"

// Request sends msg to a block and waits for its answer, which comes by [Reply]. Ownership of msg passes as with
// Send; it is not copied, but gets a reserved key. It may be called from any goroutine. The error, a *[RequestError],
// comes as soon as it is clear that there will be no answer: nobody is asked, no OnMsg, a full mailbox, OnMsg failed with
// this message, the block ended or was restarted. A block that simply doesn't answer is waited for until it ends, or
// until ctx does; inside of OnMsg, ctx should have a limit, since nothing else is handled meanwhile.
func Request(ctx context.Context, bc BlockCommunicator, msg Msg) (Msg, error) {
	if isNil(bc) {
		return nil, &RequestError{Err: ErrNoBlock}
	}
	c := &call{done: make(chan answer, 2)}
	if err := c.address(bc); err != nil {
		return nil, &RequestError{bc.Descriptor(), err}
	}
	a := c.ask(ctx, bc, msg)
	if a.err != nil {
		return nil, &RequestError{bc.Descriptor(), a.err}
	}
	return a.msg, nil
}

// Reply answers a message that came by [Request]. Ownership of answer, which may be nil, passes to the asker. The block that
// was asked may do it at any time, from any goroutine, or send the message on to another block, which then answers.
// The error is ErrNotAsked, ErrReplied or ErrAskerGone; the answer then went nowhere.
func Reply(msg, answer Msg) error {
	if c, ok := msg[requestKey].(*call); ok {
		return c.settle(stateReplied, answer, nil)
	}
	return ErrNotAsked
}

// call is a Request in progress, or a Send that waits for room: one goroutine of a block waits for another block. A request
// ends once: by an answer, a failure, or because the asker leaves.
type call struct {
	from, to *unit // nil: a mock's
	ctx      context.Context
	done     chan answer          // one for the outcome, one for an inquiry by the way
	state    atomic.Uint32        // stateAsking, ...
	taker    atomic.Pointer[life] // that its message was given to
	passed   atomic.Bool          // OnMsg has returned, so somebody else is to answer
	where    atomic.Uint32        // see cycle.go
	held     *mailbox.Waiter      // of a Send
	at       [2]int               // in the lists of calls
	mu       sync.Mutex
	told     atomic.Bool // the circle that it closes is reported
	holder   *unit       // the block that has the message: the one that was asked, or another it was sent on to; nil: over
}

type answer struct {
	msg     Msg
	err     error
	inquiry bool // the asker is to say where it is: see cycle.go
}

const (
	stateAsking uint32 = iota
	stateReplied
	stateFailed
)

func (c *call) settle(state uint32, msg Msg, err error) error {
	if c.state.CompareAndSwap(stateAsking, state) {
		c.done <- answer{msg: msg, err: err}
		return nil
	}
	if c.state.Load() == stateReplied {
		return ErrReplied
	}
	return ErrAskerGone
}

// fail ends the call without an answer.
func (c *call) fail(err error) { _ = c.settle(stateFailed, nil, err) } // an answer was quicker

// address finds out who asks whom. On a mock nobody knows.
func (c *call) address(bc BlockCommunicator) error {
	h, ok := bc.(*communicator)
	if !ok { // a decorated one, or a mock
		from := origin(bc)
		if from == nil {
			return nil
		}
		to, ok := from.in.find(bc.Descriptor().Responsibility)
		if !ok {
			return nil
		}
		h = &communicator{from, to}
	}
	switch {
	case h.from == h.to:
		return ErrSelf
	case !h.to.shape.receives:
		return ErrNoOnMsg
	}
	c.from, c.to = h.from, h.to
	return nil
}

func (c *call) ask(ctx context.Context, bc BlockCommunicator, msg Msg) answer {
	if _, twice := msg[requestKey]; twice || msg == nil {
		return answer{err: fmt.Errorf("%w: it is nil, or a request itself: send that on, or ask with another one", ErrRefused)}
	}
	if ctx.Err() != nil {
		return answer{err: context.Cause(ctx)}
	}
	c.ctx = ctx
	var timeUp <-chan struct{}
	if c.from != nil {
		timeUp = c.from.life.Load().flush.Done()
		c.from.waits.add(c, waitsSide)
		defer c.from.waits.remove(c, waitsSide)
		c.hand(c.to)
		defer c.hand(nil)
	}
	msg[requestKey] = c
	if c.state.Load() != stateAsking || !bc.Send(msg) {
		delete(msg, requestKey)
		c.fail(c.refusal())
	}
	c.inquire()
	for {
		select {
		case a := <-c.done:
			if !a.inquiry {
				return a
			}
			c.locate()
		case <-ctx.Done():
			c.fail(context.Cause(ctx))
			ctx = context.WithoutCancel(ctx)
		case <-timeUp:
			c.fail(errTimeToFinish)
			timeUp = nil
		}
	}
}

var errTimeToFinish = fmt.Errorf("%w: the asking block has to finish", ErrTimeout)

// hand notes who has the message; nobody, when the asker leaves.
func (c *call) hand(to *unit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder == to || c.holder == nil && c.state.Load() != stateAsking {
		return
	}
	if c.holder != nil {
		c.holder.asked.remove(c, askedSide)
	}
	c.holder = nil
	if to == nil {
		return
	}
	if to.asked.add(c, askedSide) {
		c.holder = to
	} else {
		c.fail(ErrBlockEnded)
	}
}

// refusal says why Send was false.
func (c *call) refusal() error {
	switch {
	case c.to == nil:
		return ErrRefused
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case c.to.box.Closed():
		return ErrBlockEnded
	case c.from.life.Load().flush.Err() != nil:
		return errTimeToFinish
	}
	return ErrMailboxFull
}

// calls are those that one block is asked, or makes.
type calls struct {
	n    atomic.Int32 // how many, so that a block that isn't asked need not look into its messages
	mu   sync.Mutex
	all  []*call
	over bool // nobody will answer
}

// Which of its two lists a call is in.
const (
	askedSide = iota
	waitsSide
)

func (s *calls) add(c *call, side int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	c.at[side] = len(s.all)
	s.all = append(s.all, c)
	s.n.Add(1)
	return true
}

func (s *calls) remove(c *call, side int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.all) - 1
	s.all[c.at[side]] = s.all[last]
	s.all[last].at[side] = c.at[side]
	s.all[last] = nil
	s.all = s.all[:last]
	s.n.Add(-1)
}

// list returns a copy.
func (s *calls) list() []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// in returns the call that a message makes.
func (s *calls) in(msg Msg) *call {
	if s.n.Load() == 0 {
		return nil
	}
	c, _ := msg[requestKey].(*call)
	return c
}

// end fails those that were given to an instance that has ended, or, with nil, all of them, and those to come.
func (s *calls) end(taker *life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = s.over || taker == nil
	for _, c := range s.all {
		if taker == nil || c.taker.Load() == taker {
			c.fail(ErrBlockEnded)
		}
	}
}

// Broadcast sends a copy of msg, made by maps.Clone, to each block that has an OnMsg and that filter lets pass, in the order
// of initialisation. A nil filter passes all but the block that bc was handed to. msg stays the caller's. It returns how many have
// accepted, and which have refused (see Send). With no process behind bc (a mock) there is nobody to send to.
func Broadcast(bc BlockCommunicator, msg Msg, filter func(BlockDescriptor) bool) (accepted int, refused []BlockDescriptor) {
	from := origin(bc)
	if from == nil || msg == nil {
		return 0, nil
	}
	for _, to := range from.in.blocks() {
		if !to.shape.receives || filter == nil && to == from || filter != nil && !filter(to.desc) {
			continue
		}
		if (&communicator{from, to}).Send(maps.Clone(msg)) {
			accepted++
		} else {
			refused = append(refused, to.desc)
		}
	}
	return accepted, refused
}

// origin returns the block that bc was handed to; nil without a process behind bc.
func origin(bc BlockCommunicator) *unit {
	if c, ok := bc.(*communicator); ok {
		return c.from
	}
	if isNil(bc) {
		return nil
	}
	initiator, ok := bc.Communicator(InitiatorResponsibility)
	if !ok || isNil(initiator) {
		return nil
	}
	var q originQuery
	initiator.Send(Msg{controlKey: &q})
	return q.from
}

func isNil(bc BlockCommunicator) bool {
	v := reflect.ValueOf(bc)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
