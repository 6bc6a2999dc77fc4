package admin

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sputnik-go/sputnik"
)

// Entry is an event of the process as it is told: one item of /events.
type Entry struct {
	ID         string            `json:"id"`
	Time       time.Time         `json:"time"`
	Kind       string            `json:"kind"`  // the type of the event, as in "block_failed"
	Level      string            `json:"level"` // debug, info, warn, error
	Text       string            `json:"text"`
	Block      string            `json:"block"` // its responsibility; "" if it isn't about one
	Attributes map[string]string `json:"attributes"`
	Detail     string            `json:"detail"` // many lines: stacks, the report of a black box
}

// Bounds of what one event may take, in bytes.
const (
	longestAttribute = 2 << 10
	longestDetail    = 32 << 10
)

// entryOf says an event in the words of the library's own log.
func entryOf(e sputnik.Event) Entry {
	entry := Entry{Time: e.When().UTC(), Kind: kindOf(e), Attributes: map[string]string{}}
	sputnik.LogObserver(slog.New(&scribe{entry: &entry}))(e)
	return entry
}

// kindOf is the name of the event's type in lower case with underscores.
func kindOf(e sputnik.Event) string {
	var b strings.Builder
	for i, r := range reflect.TypeOf(e).Name() {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// scribe is a slog.Handler that writes one record into an entry.
type scribe struct{ entry *Entry }

// Enabled implements [slog.Handler].
func (*scribe) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements [slog.Handler]; nobody calls it.
func (s *scribe) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements [slog.Handler]; nobody calls it.
func (s *scribe) WithGroup(string) slog.Handler { return s }

// Handle implements [slog.Handler].
func (s *scribe) Handle(_ context.Context, r slog.Record) error {
	s.entry.Level, s.entry.Text = levelName(r.Level), r.Message
	r.Attrs(func(a slog.Attr) bool {
		switch text := a.Value.String(); a.Key {
		case "block":
			s.entry.Block = text
		case "stacks", "report":
			s.entry.Detail = cut(text, longestDetail)
		default:
			s.entry.Attributes[a.Key] = cut(text, longestAttribute)
		}
		return true
	})
	return nil
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

// cut shortens a text to a number of bytes, and says so.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	for longest > 0 && !utf8.RuneStart(text[longest]) {
		longest--
	}
	return text[:longest] + " [cut]"
}
