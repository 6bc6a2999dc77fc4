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

// parse makes the record of one line, and tells its priority (or noPriority). It keeps nothing of line.
func (p *parser) parse(line []byte, received time.Time) (*Record, int) {
	r := &Record{Received: received.UTC(), Format: formatUnparsed}
	priority := noPriority
	if message, err := p.machineParse(line); err == nil && message != nil {
		priority = r.take(message, received, p.loc)
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
	return p.machine.Parse(line)
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
