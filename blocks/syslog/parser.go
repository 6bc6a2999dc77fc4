package syslog

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/auto"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

const formatUnparsed = "unparsed"

// parsed is how much of a line the parsers get to see: what follows belongs to the message. The one of RFC 5424 needs time
// by the square of a parameter's length where all of it is escaped: 12 ms for 64 KiB.
const parsed = 16 << 10

// parser turns lines into records. It keeps state: one for each connection.
type parser struct {
	machine gosyslog.Machine
	loc     *time.Location
	keepRaw bool
}

func newParser(loc *time.Location, keepRaw bool) *parser {
	return &parser{
		machine: auto.NewMachine(auto.WithRFC3164Options(
			rfc3164.WithRFC3339(),
			rfc3164.WithSecondFractions(),
			rfc3164.WithLenientDay(),
			rfc3164.WithEmbeddedNewlines(),
		)),
		loc:     loc,
		keepRaw: keepRaw,
	}
}

// parse makes the record of one line, and tells its priority (or noPriority). It keeps nothing of line.
func (p *parser) parse(line []byte, received time.Time) (*Record, int) {
	r := &Record{Received: received.UTC(), Format: formatUnparsed}
	priority := noPriority
	head := line[:min(len(line), parsed)]
	if message, err := p.machineParse(head); err == nil && message != nil {
		priority = r.take(message, received, p.loc)
		r.Message += string(line[len(head):])
	}
	if p.keepRaw || priority == noPriority || !utf8.Valid(line) {
		r.keepRaw(line)
	}
	return r, priority
}

// machineParse guards against a parser that panics on foreign bytes: the line is then one that can't be parsed.
func (p *parser) machineParse(line []byte) (message gosyslog.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			message, err = nil, fmt.Errorf("parser: %v", v)
		}
	}()
	if bytes.IndexByte(line, '\n') < 0 {
		return p.machine.Parse(line)
	}
	// The machine of RFC 3164 copies the message anew at each LF, so that 64 KB of them take a second. To a CR it does what
	// it does to an LF, but for that.
	message, err = p.machine.Parse(bytes.ReplaceAll(line, []byte{'\n'}, []byte{'\r'}))
	switch m := message.(type) {
	case *rfc3164.SyslogMessage:
		if m.Message != nil { // it goes to the end of the line
			text := string(line[len(line)-len(*m.Message):])
			m.Message = &text
		}
	case *rfc5424.SyslogMessage:
		return p.machine.Parse(line)
	}
	return message, err
}

// take copies a parsed message. One without a priority is left: there is nothing to name its subject by.
func (r *Record) take(message gosyslog.Message, received time.Time, loc *time.Location) (priority int) {
	var base *gosyslog.Base
	var format string
	var structured SDElement
	switch m := message.(type) {
	case *rfc3164.SyslogMessage:
		base, format = &m.Base, "rfc3164"
	case *rfc5424.SyslogMessage:
		base, format = &m.Base, "rfc5424"
		if m.StructuredData != nil {
			structured = *m.StructuredData
		}
	default:
		return noPriority
	}
	if base.Priority == nil || int(*base.Priority) >= priorities {
		return noPriority
	}
	priority = int(*base.Priority)
	r.Format = format
	r.Structured = structured
	r.Facility, r.Severity = facilities[priority/len(severities)], severities[priority%len(severities)]
	if base.Timestamp != nil {
		r.Timestamp = withYear(*base.Timestamp, received, loc).Format(time.RFC3339Nano)
	}
	r.Hostname = text(base.Hostname)
	r.App = text(base.Appname)
	r.ProcID = text(base.ProcID)
	r.MsgID = text(base.MsgID)
	r.Message = strings.TrimPrefix(text(base.Message), bom) // RFC 5424, 6.4
	return priority
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
