package nats

import (
	"math"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of a dead letter.
const (
	// HeaderError says why the message was refused.
	HeaderError = "Sputnik-Error"
	// HeaderSubject is the subject that it was for.
	HeaderSubject = "Sputnik-Subject"
	// HeaderTruncated is there if the payload is only the beginning: the bytes that it had as a whole.
	HeaderTruncated = "Sputnik-Truncated"
)

// maxReason bounds what a dead letter says of its reason, and of its subject.
const maxReason = 300 // bytes

// deadLetter is what becomes of a message that was refused for good.
type deadLetter struct {
	reason  string
	subject string
	whole   int // bytes of the payload, if it was cut; 0: it wasn't
}

func (d *deadLetter) header(id string) nats.Header {
	h := nats.Header{
		jetstream.MsgIDHeader: {id},
		HeaderError:           {d.reason},
		HeaderSubject:         {d.subject},
	}
	if d.whole > 0 {
		h[HeaderTruncated] = []string{strconv.Itoa(d.whole)}
	}
	return h
}

// invalid gives a message up that has no payload.
func (p *publisher) invalid(out outgoing, err error) {
	p.mu.Lock()
	defer p.unlock()
	p.count.accepted++
	p.refuse(&entry{done: out.done}, err)
}

// refuse gives a message up that will never be taken.
func (p *publisher) refuse(e *entry, err error) {
	p.count.refused++
	if p.refused.next() {
		p.log.Error("message refused for good", "subject", e.msg.Subject, "bytes", len(e.msg.Data), "error", err,
			"refused", p.refused.count)
	}
	p.settle(e, &refusedError{err})
}

// refusedError is the end of a message that no later attempt could store. Senders that wait for the end, such as a
// RELP connection, don't send it again.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return "refused for good: " + e.err.Error() }

func (e *refusedError) Unwrap() error { return e.err }

// Permanent tells that it is of no use to try again.
func (e *refusedError) Permanent() bool { return true }

// bury makes a dead letter of a message that was refused for good, or a shorter one of a dead letter. False: there is
// nothing that could be stored of it, and it is given up.
func (p *publisher) bury(e *entry, err error) bool {
	size := len(e.msg.Data)
	again := e.dead != nil
	if p.conf.DeadLetter == "" || again && size == 0 {
		p.refuse(e, err)
		return false
	}
	if !again {
		e.dead = &deadLetter{reason: headerValue(err.Error()), subject: headerValue(e.msg.Subject)}
		e.msg.Subject = p.conf.DeadLetter
		e.id += "-dead"
	}
	limit := p.limit(e)
	if again && size <= limit {
		limit = size / 2 // the limit isn't known
	}
	if size > limit {
		if e.dead.whole == 0 {
			e.dead.whole = size
		}
		e.msg.Data = e.msg.Data[:limit]
	}
	return true
}

// buried counts a dead letter that is stored.
func (p *publisher) buried(e *entry) {
	p.count.deadLettered++
	if e.dead.whole > 0 {
		p.count.cut++
	}
	if p.refused.next() {
		p.log.Warn("message refused for good, kept as a dead letter", "subject", e.dead.subject, "dead_letter", e.msg.Subject,
			"error", e.dead.reason, "cut_from", e.dead.whole, "refused", p.refused.count)
	}
}

// limit is how many bytes of payload a dead letter may have, as far as it is known.
func (p *publisher) limit(e *entry) int {
	if p.conn == nil {
		return math.MaxInt
	}
	limit := int(p.conn.Conn.MaxPayload())
	ofStream := int(p.conn.Info.Config.MaxMsgSize) // 0 or -1: none
	if ofStream > 0 && strings.HasPrefix(e.msg.Subject, p.subject+".") {
		limit = min(limit, ofStream)
	}
	head := len("NATS/1.0\r\n\r\n") + len(HeaderTruncated+": \r\n") + len("18446744073709551615")
	for key, values := range e.dead.header(e.id) {
		head += len(key) + len(": \r\n") + len(values[0])
	}
	return max(0, limit-head)
}

// headerValue makes a text fit for a header.
func headerValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "..."
	}
	return strings.TrimSpace(s)
}
