package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// textLog writes records as slog's text, but what has many lines below them, as a person can read it: the report of a black
// box, the faults of a flight, stacks.
type textLog struct {
	slog.Handler // writes to buffer
	out          *output
}

// output is what all handlers of a log share.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	to     io.Writer
}

func newTextLog(to io.Writer, opts *slog.HandlerOptions) textLog {
	out := &output{to: to}
	return textLog{slog.NewTextHandler(&out.buffer, opts), out}
}

func (l textLog) Handle(ctx context.Context, record slog.Record) error {
	short := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	var below strings.Builder
	record.Attrs(func(a slog.Attr) bool {
		text := a.Value.Resolve().String()
		switch {
		case !strings.Contains(text, "\n"):
			short.AddAttrs(a)
		case !strings.Contains(below.String(), indented(text)): // stacks are in the error, too
			fmt.Fprintf(&below, "\t%s:\n%s\n", a.Key, indented(text))
		}
		return true
	})
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.out.buffer.Reset()
	if err := l.Handler.Handle(ctx, short); err != nil {
		return err
	}
	l.out.buffer.WriteString(below.String())
	_, err := l.out.to.Write(l.out.buffer.Bytes())
	return err
}

func indented(text string) string {
	return "\t\t" + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n\t\t")
}

func (l textLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return textLog{l.Handler.WithAttrs(attrs), l.out}
}

func (l textLog) WithGroup(name string) slog.Handler {
	return textLog{l.Handler.WithGroup(name), l.out}
}
