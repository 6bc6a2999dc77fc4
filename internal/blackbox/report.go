package blackbox

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/sputnik-go/sputnik/internal/logline"
)

const (
	cellWidth  = 80  // characters of a cell
	valueWidth = 200 // characters of an attribute of an event
)

// Fact is a name and a value, a line at the head of a report. One whose value is zero is left out.
type Fact [2]any

// Row is a line of the table. Those that are First come before all others.
type Row struct {
	First bool
	Cells []any
}

// Age tells how long ago t was, as exactly as somebody cares.
func Age(t time.Time) string {
	d := max(0, time.Since(t))
	if d > time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

func (b *Box) write(facts []Fact, columns []string, rows []Row) string {
	var out strings.Builder
	title := "black box of " + b.now.Format(time.RFC3339Nano)
	fmt.Fprintf(&out, "%s\n%s\n\n", title, strings.Repeat("=", len(title)))
	fact(&out, Fact{"why", b.troubles[0].why})
	for _, t := range b.troubles[1:] {
		fact(&out, Fact{"also", t.why})
	}
	if b.more > 0 {
		fact(&out, Fact{"also", fmt.Sprintf("... and %d more", b.more)})
	}
	for _, f := range facts {
		fact(&out, f)
	}
	out.WriteString("\n")
	table(&out, columns, rows)
	out.WriteString("\nlast events, > marks trouble:\n")
	for _, e := range b.events {
		e.write(&out)
	}
	for _, t := range b.troubles {
		if t.stacks != "" {
			fmt.Fprintf(&out, "\nstacks: %s\n%s\n", t.why, strings.TrimRight(t.stacks, "\n"))
		}
	}
	return out.String()
}

// fact writes a value of several lines in a column of its own.
func fact(out *strings.Builder, f Fact) {
	if name, value := f[0], f[1]; !empty(value) {
		fmt.Fprintf(out, "%-12s %s\n", fmt.Sprint(name, ":"), strings.ReplaceAll(fmt.Sprint(value), "\n", "\n"+strings.Repeat(" ", 13)))
	}
}

// table writes a dash for what is empty, so that the rest stands out.
func table(out *strings.Builder, columns []string, rows []Row) {
	lines := []string{strings.ToUpper(strings.Join(columns, "\t"))}
	for _, first := range []bool{true, false} {
		for _, r := range rows {
			if r.First != first || len(lines) > maxRows {
				continue
			}
			var cells []string
			for _, cell := range r.Cells {
				if empty(cell) {
					cell = "-"
				}
				cells = append(cells, cut(fmt.Sprint(cell), cellWidth))
			}
			lines = append(lines, strings.Join(cells, "\t"))
		}
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n")) // to memory
	_ = w.Flush()
	if more := len(rows) + 1 - len(lines); more > 0 {
		fmt.Fprintf(out, "... and %d more\n", more)
	}
}

// write leaves out stacks, which have a place of their own.
func (e event) write(out *strings.Builder) {
	mark := ' '
	if e.trouble {
		mark = '>'
	}
	fmt.Fprintf(out, "%c %s %-5s %s\n", mark, e.Time.Format("15:04:05.000"), e.Level, words(e.Record))
}

// words is an event in a line.
func words(r slog.Record) string {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != logline.Stacks {
			text += fmt.Sprintf(" %s=%s", a.Key, cut(a.Value.String(), valueWidth))
		}
		return true
	})
	return text
}

// cut returns the first line of a text, and of that no more than the given number of characters.
func cut(text string, width int) string {
	line, _, more := strings.Cut(text, "\n")
	if letters := []rune(line); len(letters) > width {
		line, more = string(letters[:width]), true
	}
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
	if more {
		line += "..."
	}
	return line
}

func empty(v any) bool { return v == nil || reflect.ValueOf(v).IsZero() }
