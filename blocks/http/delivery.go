package httpin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/sputnik-go/sputnik"
)

// delivery is what happens to the messages of a request.
type delivery struct {
	*handler
	count   int
	key     string // Idempotency-Key; "": none
	fields  fields
	receipt *receipt // nil: storage isn't waited for
	limit   time.Duration
}

// deliver hands the messages over, and waits until they are stored where that was asked for.
func (d *delivery) deliver(client context.Context, data [][]byte, subject string, many bool) (*outcome, *problem) {
	b := newBatch(d.messages(data, subject, many))
	v := d.pump.hand(client, b, d.conf.AcceptTimeout)
	accepted, inDoubt := b.leave()
	if accepted == d.count { // just in time
		v = taken
	}
	d.handler.count.messages.Add(uint64(accepted))
	o := &outcome{Accepted: accepted}
	if v != taken {
		return nil, d.notTaken(v, o, inDoubt)
	}
	if d.receipt == nil {
		return o, nil
	}
	v = d.receipt.wait(client, d.limit, d.pump.hurry)
	return o, d.notStored(v, o)
}

func (d *delivery) messages(data [][]byte, subject string, many bool) []sputnik.Msg {
	messages := make([]sputnik.Msg, len(data))
	for i := range data {
		msg := sputnik.Msg{KeyData: data[i], KeySubject: subject, KeyFields: d.fields}
		switch {
		case d.key != "" && many:
			msg[KeyID] = d.key + "-" + strconv.Itoa(i)
		case d.key != "":
			msg[KeyID] = d.key
		}
		if d.receipt != nil {
			msg[KeyDone] = d.receipt.done(i)
		}
		messages[i] = msg
	}
	return messages
}

// notTaken says why not all messages were, and from where on to send again.
func (d *delivery) notTaken(v verdict, o *outcome, inDoubt bool) *problem {
	next := o.Accepted
	o.ResendFrom = &next
	if inDoubt {
		o.InDoubt = &o.Accepted
	}
	if d.receipt != nil {
		d.receipt.fill(o)
	}
	to := d.conf.To
	pressure := func(why string, args ...any) *problem {
		return refuse(http.StatusTooManyRequests, why, args...).retryAfter(d.conf.RetryAfter)
	}
	var p *problem
	switch v {
	case crowded:
		p = pressure("%d requests wait for room in block %q (max_waiting)", d.conf.MaxWaiting, to)
	case tooLong:
		p = pressure("block %q did not take the messages within %s (accept_timeout)", to, d.conf.AcceptTimeout)
	case notTaken:
		sink, ok := d.receiving()
		switch p = d.ready(); {
		case p != nil: // at the finish a Send that waits is false, too
		case !ok:
			p = d.unavailable("there is no block " + strconv.Quote(to) + " any more")
		case sink.State == sputnik.StateRunning && sink.Mailbox.Capacity > 0:
			p = pressure("the mailbox of block %q is full", to)
		default:
			p = d.unavailable("block " + strconv.Quote(to) + " takes no messages, it is " + string(sink.State))
		}
	case gone:
		p = refuse(statusGone, "the client is gone")
	default:
		p = d.unavailable("the process is finishing").with("Connection", "close")
	}
	return p.of(o).remedy("%s", d.resend(o))
}

// notStored says why not all messages are; nil: all are.
func (d *delivery) notStored(v verdict, o *outcome) *problem {
	open, lost := d.receipt.fill(o)
	var p *problem
	switch {
	case open == 0 && lost == 0:
		return nil
	case open == 0:
		return refuse(http.StatusBadGateway, "block %q has given up %d messages", d.conf.To, lost).
			remedy("see given_up for each message's reason; send again what can be stored").of(o)
	case v == gone:
		p = refuse(statusGone, "the client is gone")
	case v == tooLong:
		p = refuse(http.StatusGatewayTimeout,
			"block %q has taken all messages, and not stored %d of them within %s", d.conf.To, open, d.limit)
	default:
		p = d.unavailable("the process is finishing before all messages are stored").with("Connection", "close")
	}
	return p.of(o).remedy("%s", d.resend(o))
}

// resend says how to send again without loss.
func (d *delivery) resend(o *outcome) string {
	again := "send the request again, later"
	switch {
	case d.key != "" && d.count > 1: // the index is part of each id
		return again + ", the whole of it under the same Idempotency-Key: what is stored already is recognised"
	case d.key != "":
		return again + ", under the same Idempotency-Key"
	case *o.ResendFrom > 0:
		again = "send the messages from index " + strconv.Itoa(*o.ResendFrom) + " on again, later"
	}
	if o.InDoubt != nil || o.Stored != nil {
		again += "; some may then be stored twice, use an Idempotency-Key to avoid it"
	}
	return again
}
