package syslog

import (
	"encoding/base64"
	"slices"
	"time"
	"unicode/utf8"
)

// appendJSON appends the record as encoding/json would, without its escaping of HTML: a "<" is to stay one for those
// who read it.
func (r *Record) appendJSON(b []byte) []byte {
	b = append(b, `{"received":"`...)
	b = r.Received.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","peer":`...)
	b = appendString(b, r.Peer)
	b = append(b, `,"transport":`...)
	b = appendString(b, r.Transport)
	b = append(b, `,"format":`...)
	b = appendString(b, r.Format)
	b = appendField(b, `,"facility":`, r.Facility)
	b = appendField(b, `,"severity":`, r.Severity)
	b = appendField(b, `,"timestamp":`, r.Timestamp)
	b = appendField(b, `,"hostname":`, r.Hostname)
	b = appendField(b, `,"app":`, r.App)
	b = appendField(b, `,"procid":`, r.ProcID)
	b = appendField(b, `,"msgid":`, r.MsgID)
	if len(r.Structured) > 0 {
		b = append(b, `,"structured_data":`...)
		b = appendMap(b, r.Structured, func(b []byte, params map[string]string) []byte {
			return appendMap(b, params, appendString)
		})
	}
	b = appendField(b, `,"message":`, r.Message)
	b = appendField(b, `,"raw":`, r.Raw)
	if len(r.RawBase64) > 0 {
		b = append(b, `,"raw_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.RawBase64)
		b = append(b, '"')
	}
	if r.Truncated {
		b = append(b, `,"truncated":true`...)
	}
	return append(b, '}')
}

func appendField(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, key...), value)
}

func appendMap[V any](b []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	var few [8]string
	keys := few[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = value(b, m[key])
	}
	return append(b, '}')
}

// appendString appends a JSON string; what isn't UTF-8 becomes the replacement character.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	plain := 0 // s[plain:i] goes as it is
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				b = append(append(b, s[plain:i]...), `\ufffd`...)
				plain = i + size
			case r == '\u2028' || r == '\u2029': // line ends for JavaScript
				b = append(append(b, s[plain:i]...), `\u202`...)
				b = append(b, hex[r&0xf])
				plain = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[plain:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		plain = i
	}
	return append(append(b, s[plain:]...), '"')
}
