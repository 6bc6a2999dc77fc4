package nats

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstPause = 500 * time.Millisecond // after the stream refused for a reason that may go away
	maxPause   = 30 * time.Second

	instanceLen = 16 // of 32 letters: 80 bits, in each stored message
)

// publisher is what OnMsg and Run share. OnMsg publishes, by offer; Run takes acknowledgements and minds the connection.
//
// Whatever goes wrong ends in fail: the connection is given up, and attach publishes the window anew on the next one.
type publisher struct {
	log        *slog.Logger
	conf       ProducerConf
	stream     string
	subject    string // that of the stream, without ".>"
	ackTimeout time.Duration

	room    chan struct{} // 1 slot: there is room again for whom offer turned away
	stopped chan struct{} // closed when run ends

	mu       sync.Mutex
	instance string // first part of every message id
	counter  uint64
	window   window
	conn     *Connection // nil: none that can be used
	js       jetstream.JetStream
	acks     *acks       // of conn, or of the one before
	header   nats.Header // of the message that is being published, and its message id
	lastSeq  uint64      // highest sequence known to be in the stream
	lastErr  error       // why the last connection was given up
	waiting  bool        // offer has turned somebody away
	flushing bool        // the window takes all that is offered
	ended    error       // run has ended: why nothing is taken any more

	giveUp  <-chan time.Time // fires when conn is to be given up, for refusal
	pause   time.Duration
	refusal error

	endings       []ending // to be told when mu is free again
	refused, late sparse
	count         counters
}

func newPublisher(log *slog.Logger, conf ProducerConf, shared Conf) *publisher {
	return &publisher{
		log:        log,
		conf:       conf,
		stream:     shared.Stream,
		subject:    shared.Subject,
		ackTimeout: shared.AckTimeout,
		room:       make(chan struct{}, 1),
		stopped:    make(chan struct{}),
		instance:   rand.Text()[:instanceLen] + "-",
		acks:       newAcks(),
		header:     nats.Header{jetstream.MsgIDHeader: {""}},
		pause:      firstPause,
	}
}

// ending is how a message ended, for whoever asks.
type ending struct {
	done func(error)
	err  error
}

// unlock also tells how messages have ended: foreign code is not called under the lock.
func (p *publisher) unlock() {
	endings := p.endings
	p.endings = nil
	p.mu.Unlock()
	tell(endings)
}

// tell calls each done, also where one panics.
func tell(endings []ending) {
	i := 0
	defer func() {
		if i < len(endings) {
			tell(endings[i:])
		}
	}()
	for i < len(endings) {
		e := endings[i]
		i++
		e.done(e.err)
	}
}

// offer publishes a message, or keeps it for the next connection. False: there is no room; room says when to try again.
// After the end of run, the message is given up, and that is true as well.
func (p *publisher) offer(out outgoing) bool {
	p.mu.Lock()
	defer p.unlock()
	switch {
	case p.ended != nil:
		p.count.accepted++
		p.tooLate(out)
	case p.full():
		p.waiting = true
		return false
	default:
		p.count.accepted++
		p.add(out)
	}
	return true
}

func (p *publisher) full() bool {
	return !p.flushing && (p.window.len() >= p.conf.MaxPending || p.window.bytes >= p.conf.MaxPendingBytes)
}

func (p *publisher) tooLate(out outgoing) {
	p.count.givenUp++
	if p.late.next() {
		p.log.Error("message not published: too late", "subject", out.subject, "not_published", p.late.count)
	}
	p.settle(&entry{done: out.done}, p.ended)
}

// settle is the end of a message: nil where it, or its dead letter, is stored.
func (p *publisher) settle(e *entry, err error) {
	e.settled = true
	if e.done != nil {
		p.endings = append(p.endings, ending{e.done, err})
		e.done = nil
	}
}

func (p *publisher) add(out outgoing) {
	e := &entry{msg: nats.Msg{Subject: out.subject, Data: out.data}, id: out.id, done: out.done, size: len(out.data)}
	if e.id == "" {
		p.counter++
		e.id = p.instance + strconv.FormatUint(p.counter, 36)
	}
	if out.refused != nil && !p.bury(e, out.refused) {
		return
	}
	p.window.push(e)
	if p.usable() && !p.publish(e) {
		p.window.trim()
		p.makeRoom()
	}
}

// usable tells whether there is a connection that isn't about to be given up.
func (p *publisher) usable() bool { return p.conn != nil && p.giveUp == nil }

// publish sends e on the connection; false: it will never be taken, and is settled.
func (p *publisher) publish(e *entry) bool {
	e.sent, e.again = time.Now(), false
	if e.first.IsZero() {
		e.first, e.floor = e.sent, p.lastSeq
		p.count.published++
	} else {
		p.count.repeated++
		e.floor = min(e.floor, p.lastSeq) // the stream may have been made anew
	}
	for {
		e.msg.Header = p.headerOf(e)
		// No attempts of nats.go's own: they know no order.
		_, err := p.js.PublishMsgAsync(&e.msg, jetstream.WithRetryAttempts(0))
		e.msg.Header = nil
		switch {
		case err == nil:
			return true
		case !errors.Is(err, nats.ErrMaxPayload):
			p.fail(err)
			return true
		case !p.bury(e, err):
			return false
		}
	}
}

// headerOf is valid until the next call: nats.go writes it out before PublishMsgAsync returns.
func (p *publisher) headerOf(e *entry) nats.Header {
	if e.dead != nil {
		return e.dead.header(e.id)
	}
	p.header[jetstream.MsgIDHeader][0] = e.id
	return p.header
}

// take handles results in their order.
func (p *publisher) take(results []result) {
	for _, r := range results {
		e := p.window.find(r.msg)
		switch {
		case e == nil || e.settled: // of a connection that was given up
		case r.err == nil && e.dead == nil && r.ack.Stream != p.stream:
			p.fail(fmt.Errorf("stream %s (domain %q) has taken a message for stream %s: two streams take its subject",
				r.ack.Stream, r.ack.Domain, p.stream))
		case r.err == nil:
			p.acknowledged(e, r.ack)
		case !p.usable(): // of a connection that is about to be given up
		default:
			p.failed(e, r.err)
		}
		p.window.trim()
	}
	p.makeRoom()
}

func (p *publisher) acknowledged(e *entry, ack *jetstream.PubAck) {
	if e.dead == nil {
		p.lastSeq = max(p.lastSeq, ack.Sequence)
		p.count.acknowledged++
		if ack.Duplicate {
			p.count.duplicates++
		}
	} else {
		p.buried(e)
	}
	p.pause = firstPause
	p.settle(e, nil)
}

// failed handles the error of a publishing.
func (p *publisher) failed(e *entry, err error) {
	const (
		full      = 10023 // JSInsufficientResourcesErr
		tooLarge  = 10054 // JSStreamMessageExceedsMaximumErr: the one refusal that no later attempt can undo
		inProcess = 10158 // JSStreamDuplicateMessageConflict: in a cluster, the id is being stored
	)
	api, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case !ok: // no stream, no connection
		p.fail(err)
	case api.ErrorCode == tooLarge:
		if p.bury(e, err) {
			p.publish(e)
		}
	case api.ErrorCode == inProcess:
		e.again = true
	default: // no space, over a quota, sealed, no leader, ...
		if api.ErrorCode == full {
			err = fmt.Errorf("%w: its server's store is full (max_file_store; store_max_bytes of the broker in this process)", err)
		}
		p.log.Warn("the stream refuses", "error", err, "again_in", p.pause)
		p.refusal = fmt.Errorf("refused by the stream: %w", err)
		p.giveUp = time.After(p.pause)
		p.pause = min(2*p.pause, maxPause)
	}
}

// makeRoom tells whoever waits for room.
func (p *publisher) makeRoom() {
	if !p.waiting || p.full() {
		return
	}
	p.waiting = false
	select {
	case p.room <- struct{}{}:
	default:
	}
}

// repeat publishes again what another message of its id was in the way of.
func (p *publisher) repeat() {
	for _, e := range p.window.entries {
		if e.again && p.usable() {
			sent := e.sent
			p.publish(e)
			e.sent = sent // so that it can become overdue
		}
	}
}

// overdue gives the connection up where the oldest message waits for too long.
func (p *publisher) overdue() {
	if !p.usable() || p.window.len() == 0 {
		return
	}
	if waits := time.Since(p.window.entries[0].sent); waits > p.ackTimeout {
		p.fail(p.conn.withLast(fmt.Errorf("no acknowledgement within %s", p.ackTimeout)))
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
	p.conn, p.js, p.giveUp, p.refusal = nil, nil, nil, nil
}
