package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// attach goes on with another connection, nil for none. Until it returns, what is offered is kept. ctx ends its look-ups.
func (p *publisher) attach(ctx context.Context, conn *Connection) {
	p.locked(p.detach)
	if conn == nil {
		return
	}
	results := newAcks()
	js, err := results.jetStream(conn.Conn)
	if err == nil {
		err = p.checkDeadLetter(ctx, conn)
	}
	if err == nil {
		err = p.reconcile(ctx, conn)
	}
	p.mu.Lock()
	defer p.unlock()
	p.conn, p.js, p.acks = conn, js, results
	if err != nil {
		p.fail(err)
		return
	}
	p.lastSeq = conn.Info.State.LastSeq
	p.publishAll()
}

// publishAll publishes the whole window, in its order.
func (p *publisher) publishAll() {
	repeated := p.count.repeated
	for _, e := range p.window.entries {
		if p.conn == nil {
			break // broken again
		}
		if !e.settled {
			p.publish(e)
		}
	}
	p.window.trim()
	p.makeRoom()
	if n := p.count.repeated - repeated; n > 0 {
		p.log.Info("published again what was not acknowledged", "messages", n)
	}
}

// checkDeadLetter wants a stream that takes the dead letters: else the first one would hold up all that come behind it.
func (p *publisher) checkDeadLetter(ctx context.Context, conn *Connection) error {
	subject := p.conf.DeadLetter
	if subject == "" || strings.HasPrefix(subject, p.subject+".") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	_, err := conn.JetStream.StreamNameBySubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("dead_letter of %s: no stream takes the subject %q: make one, or choose a subject below %q",
			ProducerName, subject, p.subject+".")
	case err != nil: // perhaps it may not ask
		p.log.Warn("stream of the dead letters unknown", "subject", subject, "error", err)
	}
	return nil
}
