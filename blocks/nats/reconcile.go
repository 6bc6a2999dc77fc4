package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reconcile takes out of the window what the stream has stored already. The server recognises a repetition by itself, but
// only within its duplicates window, so this is for what was first published longer ago. A look-up that was cut short
// counts for as far as it came: the next one goes on from there.
func (p *publisher) reconcile(ctx context.Context, conn *Connection) error {
	const margin = 2 // half the window: the rest is for the time it takes to publish again
	info := conn.Info
	last := info.State.LastSeq
	floor, age, wanted := p.unknown(last)
	if len(wanted) == 0 || age < info.Config.Duplicates/margin || last <= floor {
		return nil
	}
	stored, seen, err := conn.storedIDs(ctx, floor+1, last, wanted)
	p.settleStored(stored, wanted, seen)
	if err != nil {
		return fmt.Errorf("looking up what is stored: %w, after sequence %d of %d", err, seen, last)
	}
	p.log.Info("looked up what is stored", "from", floor+1, "to", last, "found", len(stored))
	return nil
}

// settleStored takes what was found out of the window; for the rest it is known how far was looked.
func (p *publisher) settleStored(stored, wanted map[string]bool, seen uint64) {
	p.mu.Lock()
	defer p.unlock()
	p.window.keep(func(e *entry) bool {
		switch {
		case !stored[e.id] || e.first.IsZero():
			if wanted[e.id] {
				e.floor = max(e.floor, seen)
			}
			return true
		case e.settled:
		case e.dead != nil:
			p.buried(e)
		default:
			p.count.acknowledged++
			p.count.found++
		}
		p.settle(e, nil)
		return false
	})
	p.makeRoom()
}

// unknown returns the ids of what was published, how long ago, and behind which sequence it is if it is stored.
func (p *publisher) unknown(last uint64) (floor uint64, age time.Duration, ids map[string]bool) {
	floor, ids = last, make(map[string]bool)
	p.mu.Lock()
	defer p.unlock()
	for _, e := range p.window.entries {
		if e.first.IsZero() || e.settled {
			continue
		}
		age = max(age, since(e.first))
		floor = min(floor, e.floor)
		ids[e.id] = true
	}
	return floor, age, ids
}

// since is the longer of two times: the monotonic clock stands still while the machine is suspended, the other can be set.
func since(t time.Time) time.Duration { return max(time.Since(t), time.Since(t.Round(0))) }

// storedIDs returns which of the wanted message ids are in the stream from sequence first to last, and how far it came,
// also with an error.
func (c *Connection) storedIDs(ctx context.Context, first, last uint64, wanted map[string]bool) (
	ids map[string]bool, seen uint64, err error,
) {
	ids, seen = make(map[string]bool), first-1
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	r, err := c.readFrom(ctx, first, true)
	if err != nil {
		return ids, seen, err
	}
	defer r.Stop()
	if r.pending == 0 {
		if err := c.removed(ctx, first, last); err != nil {
			return ids, seen, err
		}
		return ids, last, nil
	}
	for {
		msg, meta, err := r.next(jetstream.NextContext(ctx))
		if err != nil {
			return ids, seen, err
		}
		seen = meta.Sequence.Stream
		if id := msg.Headers().Get(jetstream.MsgIDHeader); seen <= last && wanted[id] {
			ids[id] = true
		}
		if seen >= last {
			return ids, last, nil
		}
		if meta.NumPending == 0 {
			if err := c.removed(ctx, seen+1, last); err != nil {
				return ids, seen, err
			}
			return ids, last, nil
		}
	}
}

// removed is nil if the stream has removed all messages from one sequence to another. If not, but a consumer has none of
// them, it is at a replica that hasn't caught up.
func (c *Connection) removed(ctx context.Context, first, last uint64) error {
	info, err := c.Stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return err
	}
	first = max(first, info.State.FirstSeq)
	for _, sequence := range info.State.Deleted { // in ascending order
		if sequence == first {
			first++
		}
	}
	if first <= last {
		return errors.New("the replica that was asked lags behind")
	}
	return nil
}
