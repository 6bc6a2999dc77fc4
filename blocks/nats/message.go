package nats

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sputnik-go/sputnik"
)

// What a message to the producer holds.
const (
	// KeyData: []byte, the payload. The producer owns it from then on.
	KeyData = "data"
	// KeySubject: string; where no subject_template is configured, the message is published to "<subject of nats>.<this>".
	KeySubject = "subject"
	// KeyFields: [Fields], what the subject_template takes its values from. They are asked for in OnMsg only.
	KeyFields = "fields"
	// KeyID: string, the message's id, if it has one: the stream stores one message of an id within its duplicates window.
	KeyID = "id"
	// KeyDone: func(error), called once, from any goroutine, and must not block: with nil when the message (or its dead
	// letter) is stored, with an error when it is given up.
	KeyDone = "done"
)

// outgoing is a message on its way to the publisher.
type outgoing struct {
	subject string
	data    []byte
	id      string // "": the publisher makes one
	done    func(error)
	refused error // why it can only become a dead letter
}

var errNoData = fmt.Errorf("message has no %q of type []byte", KeyData)

// read takes a message apart; an error is for one without a payload.
func (p *producer) read(msg sputnik.Msg) (outgoing, error) {
	data, ok := msg[KeyData].([]byte)
	done, _ := msg[KeyDone].(func(error)) // the others are as good as absent if they are of another type, too
	id, _ := msg[KeyID].(string)
	out := outgoing{data: data, id: safeID(id), done: done}
	if !ok {
		return out, errNoData
	}
	if p.template != nil {
		fields, _ := msg[KeyFields].(Fields)
		out.subject = p.template.subject(fields)
		return out, nil
	}
	subject, _ := msg[KeySubject].(string)
	out.subject = p.prefix + subject
	if !validSubject(out.subject) {
		out.refused = errors.New("not a subject: an empty token, a space, a wildcard, or too long")
	}
	return out, nil
}

// maxID is the longest id that is used as it is.
const maxID = 200 // bytes

// safeID makes an id fit for a header: a long or unprintable one is replaced by its hash.
func safeID(id string) string {
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(id) <= maxID && strings.IndexFunc(id, unprintable) < 0 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}
