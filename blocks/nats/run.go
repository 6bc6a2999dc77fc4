package nats

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errEnded is for what comes when everything was stored and the block has ended.
var errEnded = errors.New("the producer has ended")

// run minds the connection until done, and then flushes, until the end of ctx at most. hurry begins the flush before: the
// window then takes all that is offered. What is left in the end is given up.
func (p *publisher) run(ctx context.Context, links <-chan *Connection, done, hurry <-chan struct{}) error {
	defer p.report()
	defer p.locked(func() { p.end(errEnded) }) // nothing is left then, except after a panic
	look := time.NewTicker(max(p.ackTimeout/8, time.Millisecond))
	defer look.Stop()
	var flushed <-chan time.Time
	flush := func() {
		hurry = nil
		if flushed == nil {
			p.flush()
			flushed = time.After(p.conf.FlushTimeout)
		}
	}
	for {
		if done == nil && p.endEmpty() {
			return nil
		}
		ready, giveUp := p.awaited()
		select {
		case <-ready:
			p.locked(func() { p.take(p.acks.take()) })
		case conn := <-links:
			p.attach(ctx, conn)
		case <-giveUp:
			p.locked(func() { p.fail(p.refusal) })
		case <-look.C:
			p.locked(func() {
				p.overdue()
				p.repeat()
			})
		case <-hurry:
			flush()
		case <-done:
			done = nil
			flush()
		case <-flushed:
			return p.endUnflushed("within " + p.conf.FlushTimeout.String())
		case <-ctx.Done():
			return p.endUnflushed("before the time was up")
		}
	}
}

func (p *publisher) locked(f func()) {
	p.mu.Lock()
	defer p.unlock()
	f()
}

// awaited is what can happen next on the connection.
func (p *publisher) awaited() (ready <-chan struct{}, giveUp <-chan time.Time) {
	p.mu.Lock()
	defer p.unlock()
	return p.acks.ready, p.giveUp
}

// flush also ends the pause after a refusal: it may be longer than the time there is.
func (p *publisher) flush() {
	p.locked(func() {
		p.log.Info("flushing", "not_acknowledged", p.window.len())
		p.flushing = true
		p.pause = firstPause
		if p.giveUp != nil {
			p.fail(p.refusal)
		}
		p.makeRoom()
	})
}

// endUnflushed ends with something left.
func (p *publisher) endUnflushed(when string) error {
	p.mu.Lock()
	defer p.unlock()
	reason := p.unflushed(when)
	p.end(reason)
	return reason
}

// unflushed says what was accepted and is not stored.
func (p *publisher) unflushed(when string) error {
	err := p.lastErr
	if p.conn == nil && err == nil {
		err = errors.New("no connection")
	}
	n, _ := p.window.unsettled()
	what := "messages"
	if n == 1 {
		what = "message"
	}
	text := fmt.Sprintf("%d %s not acknowledged %s", n, what, when)
	if err == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", text, err)
}

// endEmpty ends the taking of messages if all are stored.
func (p *publisher) endEmpty() bool {
	p.mu.Lock()
	defer p.unlock()
	if p.window.len() == 0 {
		p.ended = errEnded
		return true
	}
	return false
}

// end gives up what is left.
func (p *publisher) end(reason error) {
	if closed(p.stopped) {
		return
	}
	p.ended = reason
	for _, e := range p.window.entries {
		if !e.settled {
			p.count.givenUp++
			p.settle(e, reason)
		}
	}
	p.window = window{}
	p.detach()
	close(p.stopped)
	p.makeRoom()
}
