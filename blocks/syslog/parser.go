package syslog

import (
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

// parse makes the record of one line. It keeps nothing of line.
func (p *parser) parse(line []byte, received time.Time) Record {
	r := Record{Received: received.UTC(), Format: formatUnparsed}
	message, err := p.machineParse(line)
	if err != nil || message == nil || !r.take(message, received, p.loc) {
		r = Record{Received: received.UTC(), Format: formatUnparsed}
	}
	if p.keepRaw || r.Format == formatUnparsed || !utf8.Valid(line) {
		r.keepRaw(line)
	}
	return r
}

// machineParse guards against a parser that panics on foreign bytes: the line is then one that can't be parsed.
func (p *parser) machineParse(line []byte) (message gosyslog.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			message, err = nil, fmt.Errorf("parser: %v", v)
		}
	}()
	return p.machine.Parse(line)
}

// take copies a parsed message; false says that it has no priority, so nothing to name its subject by.
func (r *Record) take(message gosyslog.Message, received time.Time, loc *time.Location) bool {
	var base *gosyslog.Base
	switch m := message.(type) {
	case *rfc3164.SyslogMessage:
		base, r.Format = &m.Base, "rfc3164"
	case *rfc5424.SyslogMessage:
		base, r.Format = &m.Base, "rfc5424"
		if m.StructuredData != nil {
			r.Structured = *m.StructuredData
		}
	default:
		return false
	}
	if base.Priority == nil || int(*base.Priority) >= len(facilities)*len(severities) {
		return false
	}
	r.Facility, r.Severity = facilities[*base.Priority/8], severities[*base.Priority%8]
	if base.Timestamp != nil {
		r.Timestamp = withYear(*base.Timestamp, received, loc).Format(time.RFC3339Nano)
	}
	r.Hostname = text(base.Hostname)
	r.App = text(base.Appname)
	r.ProcID = text(base.ProcID)
	r.MsgID = text(base.MsgID)
	r.Message = strings.TrimPrefix(text(base.Message), bom) // RFC 5424, 6.4
	return true
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
