package nats

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
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

// read takes a message apart; an error is for one without a payload. What else is wrong makes it a dead letter.
func (p *producer) read(msg sputnik.Msg) (outgoing, error) {
	data, ok := msg[KeyData].([]byte)
	out := outgoing{data: data}
	var errs [4]error
	out.done, errs[0] = optional[func(error)](msg, KeyDone)
	id, err := optional[string](msg, KeyID)
	out.id, errs[1] = safeID(id), err
	if !ok {
		return out, errNoData
	}
	if p.template != nil {
		var fields Fields
		fields, errs[2] = optional[Fields](msg, KeyFields)
		out.subject = p.template.subject(fields)
	} else {
		var subject string
		subject, errs[2] = optional[string](msg, KeySubject)
		out.subject = p.prefix + subject
		if !validSubject(out.subject) {
			errs[3] = errSubject
		}
	}
	if errs != [4]error{} {
		out.refused = errors.Join(errs[:]...)
	}
	return out, nil
}

var errSubject = errors.New("not a subject: an empty token, a space, a wildcard, or too long")

// optional is the value of a key, zero where there is none.
func optional[T any](msg sputnik.Msg, key string) (T, error) {
	value, ok := msg[key].(T)
	if !ok && msg[key] != nil {
		return value, fmt.Errorf("%q of the message is of type %T, not %s", key, msg[key], reflect.TypeFor[T]())
	}
	return value, nil
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
