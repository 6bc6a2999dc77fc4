package syslog

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Record is what becomes of a line: the payload, in JSON, of the message that goes to the receiving block.
type Record struct {
	Received   time.Time `json:"received"`  // when the line was read, UTC
	Peer       string    `json:"peer"`      // address and port it came from
	Transport  string    `json:"transport"` // "tcp" or "udp"
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

// Encode returns the record in JSON.
func (r *Record) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a "<" is to stay one for those who read it
	if err := e.Encode(r); err != nil {
		panic(err) // a record has no field that could not be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (r *Record) keepRaw(line []byte) {
	if utf8.Valid(line) {
		r.Raw = string(line)
	} else {
		r.RawBase64 = append([]byte(nil), line...)
	}
}
