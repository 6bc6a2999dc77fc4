package nats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reconcile takes out of the window what the stream has stored already. The server recognises a repetition by itself, but
// only within its duplicates window, so this is for what was first published longer ago.
func (p *publisher) reconcile() error {
	const margin = 2 // half the window: the rest is for the time it takes to publish again
	var oldest time.Time
	floor := p.lastSeq
	for _, e := range p.window.entries {
		if e.first.IsZero() {
			continue
		}
		if oldest.IsZero() || e.first.Before(oldest) {
			oldest = e.first
		}
		floor = min(floor, e.floor)
	}
	info := p.conn.Info
	if oldest.IsZero() || time.Since(oldest) < info.Config.Duplicates/margin || info.State.LastSeq <= floor {
		return nil
	}
	stored, err := p.conn.storedIDs(floor+1, info.State.LastSeq)
	if err != nil {
		return err
	}
	found := p.found
	p.window.keep(func(e *entry) bool {
		if stored[e.id] {
			p.found++
		}
		return !stored[e.id]
	})
	p.log.Info("looked up what is stored", "from", floor+1, "to", info.State.LastSeq, "found", p.found-found)
	return nil
}

// storedIDs returns the message ids in the stream from sequence first to last.
func (c *Connection) storedIDs(first, last uint64) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	consumer, err := c.Stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   first,
		HeadersOnly:   true,
	})
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool)
	if consumer.CachedInfo().NumPending == 0 {
		return ids, nil // all of them removed meanwhile
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, err
		}
		if meta.Sequence.Stream <= last {
			ids[msg.Headers().Get(jetstream.MsgIDHeader)] = true
		}
		if meta.Sequence.Stream >= last || meta.NumPending == 0 {
			return ids, nil
		}
	}
}
