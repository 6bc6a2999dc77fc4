package nats

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reader reads a stream without a gap, on one connection, and ends at the first fault: a new connection is what recovers.
// An ordered consumer of nats.go would try again by itself, without an end, and Stop would wait for it.
type reader struct {
	jetstream.MessagesContext
	pending uint64 // messages that there were when it began
	read    uint64
}

// readFrom begins at a sequence of the stream. The caller stops the reader.
func (c *Connection) readFrom(ctx context.Context, sequence uint64, headersOnly bool) (*reader, error) {
	forgotten := 5 * time.Minute // after its last request, the server forgets the consumer; an output may stand still for a while
	if headersOnly {
		forgotten = 2 * lookUpTimeout // the look-up is over by then
	}
	consumer, err := c.Stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       sequence,
		AckPolicy:         jetstream.AckNonePolicy,
		HeadersOnly:       headersOnly,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: forgotten,
	})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(c.ahead()))
	return &reader{MessagesContext: messages, pending: consumer.CachedInfo().NumPending}, err
}

// ahead is how many bytes a reader asks for at a time, and holds. The server sends what is asked for at once, and breaks the
// connection if more than its max_pending (64 MiB) waits to be sent: that would hit the producer, too.
func (c *Connection) ahead() int {
	const usual = 8 << 20 // 8 messages of the usual maximum
	return max(usual, 2*int(c.Conn.MaxPayload()))
}

// next waits for a message.
func (r *reader) next(opts ...jetstream.NextOpt) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	msg, err := r.Next(opts...)
	if err != nil {
		return nil, nil, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, nil, err
	}
	r.read++
	if meta.Sequence.Consumer != r.read {
		return nil, nil, fmt.Errorf("messages before sequence %d got lost on the way", meta.Sequence.Stream)
	}
	return msg, meta, nil
}
