package syslog

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asEncodingJSON is what the standard library makes of a record.
func asEncodingJSON(t *testing.T, r *Record) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(r))
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func TestEncodesAsEncodingJSONDoes(t *testing.T) {
	received := time.Date(2026, 11, 20, 7, 30, 2, 5, time.UTC)
	for _, r := range []*Record{
		{},
		{Received: received, Peer: "127.0.0.1:1", Transport: "tcp", Format: "rfc5424", Message: "<a> & \"b\" \\ \x00\x1f\x7f\b\f\n\r\t \xff ä \u2028\u2029 \U0001F600"},
		{Received: received, Raw: "x", RawBase64: []byte{0, 255}, Truncated: true},
		{Structured: SDElement{"b": {"y": "1", "x": "2"}, "a": {}, "c": nil, "d": {"\xff": "\x01"}}},
	} {
		assert.Equal(t, asEncodingJSON(t, r), string(r.Encode()))
	}
}

// FuzzRecord: whatever a line holds, its record is encoded as encoding/json would.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [a@1 b="c\"d" e="ä"][f] %% It's time`))
	f.Add([]byte("<13>Nov 20 07:30:01 host app: \xff\u2028 \\ \" \x01"))
	f.Add([]byte("\x00\xef\xbb\xbf<13>"))
	p := newParser(time.UTC, true)
	received := time.Date(2026, 11, 20, 7, 30, 2, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		r, priority := p.parse(line, received)
		assert.Equal(t, asEncodingJSON(t, r), string(r.Encode()))
		assert.Equal(t, r.Subject(), newSubjects()[priority])
	})
}
