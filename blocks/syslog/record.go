package syslog

import (
	"encoding/base64"
	"time"
	"unicode/utf8"
)

// Record is what becomes of a line. The receiving block gets it in JSON, and as it is for its fields.
type Record struct {
	Received   time.Time `json:"received"`  // when the line was read, UTC
	Peer       string    `json:"peer"`      // where it came from: address and port, or "pid=1,uid=0" over a Unix socket ("unix": not known)
	Transport  string    `json:"transport"` // "udp", "tcp", "tls", "relp", "relp+tls", "unix" or "unixgram"
	Format     string    `json:"format"`    // "rfc3164", "rfc5424" or "unparsed"
	Facility   string    `json:"facility,omitempty"`
	Severity   string    `json:"severity,omitempty"`
	Timestamp  string    `json:"timestamp,omitempty"` // the sender's, RFC 3339
	Hostname   string    `json:"hostname,omitempty"`
	App        string    `json:"app,omitempty"`
	ProcID     string    `json:"procid,omitempty"`
	MsgID      string    `json:"msgid,omitempty"`
	Structured SDElement `json:"structured_data,omitempty"`
	Message    string    `json:"message,omitempty"`
	// Raw is the line as it came, RawBase64 the same where it isn't valid UTF-8 (and then a parsed Message has
	// replacement characters). One of them is always there for a line that could not be parsed.
	Raw       string `json:"raw,omitempty"`
	RawBase64 []byte `json:"raw_base64,omitempty"`
	// Truncated: the line was longer than the limit, or its end never came.
	Truncated bool `json:"truncated,omitempty"`
}

// SDElement is the structured data of RFC 5424: parameters by name, by element.
type SDElement = map[string]map[string]string

// Subject is "<facility>.<severity>", such as "auth.warning", or "unparsed".
func (r *Record) Subject() string {
	if r.Format == formatUnparsed {
		return Unparsed
	}
	return r.Facility + "." + r.Severity
}

// Field returns what a subject or a route may be made of, by its name in JSON: facility, severity, hostname, app,
// procid, msgid, format, transport, peer, timestamp. false: there is no such field, or the line doesn't have it.
func (r *Record) Field(name string) (value string, ok bool) {
	switch name {
	case "facility":
		value = r.Facility
	case "severity":
		value = r.Severity
	case "hostname":
		value = r.Hostname
	case "app":
		value = r.App
	case "procid":
		value = r.ProcID
	case "msgid":
		value = r.MsgID
	case "format":
		value = r.Format
	case "transport":
		value = r.Transport
	case "peer":
		value = r.Peer
	case "timestamp":
		value = r.Timestamp
	}
	return value, value != ""
}

// Encode returns the record in JSON.
func (r *Record) Encode() []byte {
	const frame = 320 // all keys, and the short values
	size := frame + len(r.Message) + len(r.Raw) + base64.StdEncoding.EncodedLen(len(r.RawBase64))
	return r.appendJSON(make([]byte, 0, size+size/16))
}

func (r *Record) keepRaw(line []byte) {
	if utf8.Valid(line) {
		r.Raw = string(line)
	} else {
		r.RawBase64 = append([]byte(nil), line...)
	}
}
