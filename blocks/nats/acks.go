package nats

import (
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// result is how one publishing ended.
type result struct {
	msg *nats.Msg
	ack *jetstream.PubAck
	err error
}

// acks collects the results of one connection, in the order in which they come, until Run takes them all at once.
type acks struct {
	ready chan struct{} // 1 slot: there are some

	mu      sync.Mutex
	results []result
	spare   []result
}

func newAcks() *acks { return &acks{ready: make(chan struct{}, 1)} }

func (a *acks) add(r result) {
	a.mu.Lock()
	a.results = append(a.results, r)
	first := len(a.results) == 1
	a.mu.Unlock()
	if first {
		select {
		case a.ready <- struct{}{}:
		default:
		}
	}
}

// take returns what has come; it is valid until the next call.
func (a *acks) take() []result {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.results
	clear(a.spare[:cap(a.spare)])
	a.results, a.spare = a.spare[:0], taken
	return taken
}

// jetStream makes a context of this publisher's own on a connection, whose results a collects.
func (a *acks) jetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	return jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(maxFutures),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, msg *nats.Msg, ack *jetstream.PubAck) {
			a.add(result{msg: msg, ack: ack})
		}),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, msg *nats.Msg, err error) {
			a.add(result{msg: msg, err: err})
		}))
}
