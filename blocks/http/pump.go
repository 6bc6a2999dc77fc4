package httpin

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik"
)

// pump hands requests to the receiving block, one after another. A Send that waits can't be called off, so one goroutine does
// it for all: the requests wait for that goroutine, from which they can turn away at any time, and no more than one message is
// ever in doubt. They get their turn in the order in which they came.
type pump struct {
	batches chan *batch
	waiting atomic.Int64
	most    int64         // that may wait
	hurry   chan struct{} // closed when nothing may wait any more
	quit    chan struct{} // closed when no request is left
}

func newPump(most int) *pump {
	return &pump{batches: make(chan *batch), most: int64(most), hurry: make(chan struct{}), quit: make(chan struct{})}
}

// run works until quit. The receiving block is looked up for each request: it may be removed, and another one added.
func (p *pump) run(bc sputnik.BlockCommunicator, to string) {
	for {
		select {
		case b := <-p.batches:
			sink, ok := bc.Communicator(to)
			b.over <- ok && b.send(sink)
		case <-p.quit:
			return
		}
	}
}

// batch is the messages of a request on their way.
type batch struct {
	messages []sputnik.Msg
	over     chan bool // 1 slot: the pump is through; false: the message after the accepted ones was not taken

	mu       sync.Mutex
	accepted int
	sending  bool // a message is in Send
	left     bool // nobody waits any more
}

func newBatch(messages []sputnik.Msg) *batch {
	return &batch{messages: messages, over: make(chan bool, 1)}
}

// send sends until the end, or until nobody waits any more.
func (b *batch) send(sink sputnik.BlockCommunicator) (all bool) {
	for i := range b.messages {
		if !b.begin() {
			return false
		}
		if !b.ended(sink.Send(b.messages[i])) {
			return false
		}
		b.messages[i] = nil // it is the sink's
	}
	return true
}

func (b *batch) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sending = !b.left
	return b.sending
}

func (b *batch) ended(accepted bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sending = false
	if accepted {
		b.accepted++
	}
	return accepted
}

// leave makes the pump stop before the next message.
func (b *batch) leave() (accepted int, inDoubt bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = true
	return b.accepted, b.sending
}

// verdict is how handing over ended.
type verdict uint8

const (
	taken    verdict = iota // all messages
	notTaken                // Send was false
	crowded                 // too many wait already
	tooLong                 // it took longer than it may
	hurried                 // the finish can't wait any longer
	gone                    // the client is
)

// hand hands a batch over within limit. Unless all were taken, leave says how far it came.
func (p *pump) hand(client context.Context, b *batch, limit time.Duration) verdict {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.most {
		return crowded
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	batches, over := p.batches, b.over
	for {
		select {
		case batches <- b:
			batches = nil
		case all := <-over:
			if all {
				return taken
			}
			return notTaken
		case <-timer.C:
			return tooLong
		case <-p.hurry:
			return hurried
		case <-client.Done():
			return gone
		}
	}
}
