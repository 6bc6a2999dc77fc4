package nats

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstPause = 500 * time.Millisecond // after the stream refused for a reason that may go away
	maxPause   = 30 * time.Second

	errMessageTooLarge = 10054 // JSStreamMessageExceedsMaximumErr: the one refusal that no later attempt can undo
)

// publisher is the state of the producer's Run: nobody else touches it.
//
// The stream acknowledges in the order of publishing, so it waits for the oldest message's future alone. Whatever goes
// wrong ends in fail: the connection is given up, and attach publishes the window anew on the next one.
type publisher struct {
	log   *slog.Logger
	conf  ProducerConf
	lines <-chan outgoing
	links <-chan *Connection

	instance string // first part of every message id
	counter  uint64
	window   window
	conn     *Connection // nil: none that can be used
	lastSeq  uint64      // highest sequence known to be in the stream
	lastErr  error       // why the last connection was given up

	giveUp  <-chan time.Time // fires when conn is to be given up, for refusal
	pause   time.Duration
	refusal error

	refused                    sparse
	published, repeated, found uint64
}

func newPublisher(p *producer) *publisher {
	return &publisher{
		log:      p.log,
		conf:     p.conf,
		lines:    p.lines,
		links:    p.links,
		instance: rand.Text() + "-",
		pause:    firstPause,
	}
}

// run publishes until done, and then flushes, until timeUp at most. hurry begins the flush before: the window then takes
// all that is offered.
func (p *publisher) run(done, hurry, timeUp <-chan struct{}) error {
	defer p.report()
	var flushed <-chan time.Time
	flush := func() {
		hurry = nil
		if flushed == nil {
			p.log.Info("flushing", "not_acknowledged", p.left())
			flushed = time.After(p.conf.FlushTimeout)
		}
	}
	for {
		if done == nil && p.left() == 0 {
			return nil
		}
		var lines <-chan outgoing
		if flushed != nil || p.window.len() < p.conf.MaxPending && p.window.bytes < p.conf.MaxPendingBytes {
			lines = p.lines
		}
		ack, fail := p.awaited()
		select {
		case line := <-lines:
			p.add(line)
		case a := <-ack:
			p.acknowledged(a)
		case err := <-fail:
			p.failed(err)
		case conn := <-p.links:
			p.attach(conn)
		case <-p.giveUp:
			p.fail(p.refusal)
		case <-hurry:
			flush()
		case <-done:
			done = nil
			flush()
		case <-flushed:
			return p.unflushed("within " + p.conf.FlushTimeout.String())
		case <-timeUp:
			return p.unflushed("before the time was up")
		}
	}
}

// awaited is how the oldest message's publishing ends; nil channels while there is nothing to wait for.
func (p *publisher) awaited() (<-chan *jetstream.PubAck, <-chan error) {
	if p.conn == nil || p.giveUp != nil || p.window.len() == 0 {
		return nil, nil
	}
	future := p.window.head().future
	return future.Ok(), future.Err()
}

func (p *publisher) add(line outgoing) {
	p.counter++
	id := p.instance + strconv.FormatUint(p.counter, 36)
	e := &entry{id: id, msg: &nats.Msg{
		Subject: line.subject,
		Data:    line.data,
		Header:  nats.Header{jetstream.MsgIDHeader: {id}},
	}}
	if p.conn == nil || p.publish(e) {
		p.window.push(e)
	}
}

// publish sends e on the connection; false: it will never be taken.
func (p *publisher) publish(e *entry) bool {
	if e.first.IsZero() {
		e.first, e.floor = time.Now(), p.lastSeq
	}
	// No attempts of nats.go's own: they know no order.
	future, err := p.conn.JetStream.PublishMsgAsync(e.msg, jetstream.WithRetryAttempts(0))
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		p.refuse(e, err)
		return false
	case err != nil:
		p.fail(err)
	default:
		e.future = future
	}
	return true
}

func (p *publisher) acknowledged(ack *jetstream.PubAck) {
	p.lastSeq = max(p.lastSeq, ack.Sequence)
	p.published++
	p.pause = firstPause
	p.window.pop()
}

// failed handles the error of the oldest message.
func (p *publisher) failed(err error) {
	api, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case !ok: // no answer in time, no stream, no connection
		p.fail(err)
	case api.ErrorCode == errMessageTooLarge:
		p.refuse(p.window.head(), err)
		p.window.pop()
	default: // no space, over a quota, sealed, no leader, ...
		p.log.Warn("the stream refuses", "error", err, "again_in", p.pause)
		p.refusal = fmt.Errorf("refused by the stream: %w", err)
		p.giveUp = time.After(p.pause)
		p.pause = min(2*p.pause, maxPause)
	}
}

// refuse gives a message up that will never be taken.
func (p *publisher) refuse(e *entry, err error) {
	if p.refused.next() {
		p.log.Error("message refused for good", "subject", e.msg.Subject, "bytes", len(e.msg.Data), "error", err,
			"refused", p.refused.count)
	}
}

// fail gives the connection up. The window is published again on the next one.
func (p *publisher) fail(err error) {
	p.lastErr = err
	if p.conn != nil {
		p.conn.Fail(err)
	}
	p.detach()
}

func (p *publisher) detach() {
	p.conn, p.giveUp, p.refusal = nil, nil, nil
}

// attach goes on with another connection, nil for none.
func (p *publisher) attach(conn *Connection) {
	p.detach()
	if conn == nil {
		return
	}
	p.conn = conn
	if err := p.reconcile(); err != nil {
		p.fail(fmt.Errorf("looking up what is stored: %w", err))
		return
	}
	p.lastSeq = conn.Info.State.LastSeq
	repeated := p.repeated
	p.window.keep(func(e *entry) bool {
		if p.conn == nil {
			return true // broken again
		}
		if !e.first.IsZero() {
			p.repeated++
		}
		return p.publish(e)
	})
	if n := p.repeated - repeated; n > 0 {
		p.log.Info("published again what was not acknowledged", "messages", n)
	}
}

// left counts what was accepted and is not acknowledged.
func (p *publisher) left() int { return p.window.len() + len(p.lines) }

func (p *publisher) unflushed(when string) error {
	n := p.left()
	err := p.lastErr
	if p.conn == nil && err == nil {
		err = errors.New("no connection")
	}
	if err == nil {
		return fmt.Errorf("%d lines not acknowledged %s", n, when)
	}
	return fmt.Errorf("%d lines not acknowledged %s: %w", n, when, err)
}

func (p *publisher) report() {
	p.log.Info("published in all", "acknowledged", p.published, "found_stored", p.found, "published_again", p.repeated,
		"refused", p.refused.count, "not_acknowledged", p.left())
}
