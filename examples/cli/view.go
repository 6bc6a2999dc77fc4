package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// view is how a status is shown: in so many columns and lines.
type view struct {
	width, height int
	colour        bool
}

// Colours, by what they say.
const (
	plain = ""
	good  = "\x1b[32m"
	bad   = "\x1b[31m"
	fair  = "\x1b[33m"
	bold  = "\x1b[1m"
	reset = "\x1b[0m"
)

// frame shows a status; before is the one before, for the rates, nil where there is none: then they are the mean since
// the start.
func (v view) frame(now status, before *status) string {
	lines := v.head(now)
	rows := v.rows(now, before)
	lines = append(lines, rows[0])
	rows = rows[1:]
	room := v.height - len(lines) - 1 // the last line stays free, so that nothing scrolls
	for i, row := range rows {
		if i >= room-1 && len(rows) > room {
			lines = append(lines, v.paint(plain, fmt.Sprintf("... %d more lines", len(rows)-i)))
			break
		}
		lines = append(lines, row)
	}
	return strings.Join(lines, "\n") + "\n"
}

// absent says that there is nothing to show.
func (v view) absent(err error) string {
	var lines []string
	for _, line := range wrap("no answer: "+err.Error(), v.width) {
		lines = append(lines, v.paint(bad, line))
	}
	return strings.Join(lines[:min(len(lines), v.height-1)], "\n") + "\n"
}

func (v view) head(s status) []string {
	title := fmt.Sprintf("%s  pid %d  %s  up %s", cmp.Or(s.Program.v, "?"), s.PID.v, s.Host.v, seconds(s.Process.Uptime.v))
	if !s.Time.v.IsZero() {
		title += s.Time.v.Local().Format("  15:04:05")
	}
	state, colour := s.Process.State.v+", ready", good
	if !s.Process.Ready.v {
		state, colour = s.Process.State.v+", not ready: "+s.Process.Reason.v, bad
	}
	lines := []string{v.paint(bold, title), v.paint(colour, "process     "+state)}
	if c := s.Connection; c != nil {
		lines = append(lines, v.connection(c, s.Time.v)...)
	}
	for _, cycle := range s.WaitCycles.v {
		lines = append(lines, v.paint(bad, "circle      each waits for the next: "+strings.Join(cycle, ", ")))
	}
	return append(lines, "")
}

func (v view) connection(c *connectionState, now time.Time) []string {
	text, colour := fmt.Sprintf("connection  %s for %s", c.State.v, seconds(c.For.v)), good
	if c.State.v != "connected" {
		colour = bad
		if c.Attempt.v > 0 {
			text += fmt.Sprintf(", attempt %d", c.Attempt.v)
		}
		if !c.NextTry.v.IsZero() && !now.IsZero() {
			text += " in " + seconds(max(0, c.NextTry.v.Sub(now).Seconds()))
		}
	}
	if c.Losses.v > 0 {
		text += fmt.Sprintf(", lost %d times", c.Losses.v)
	}
	lines := []string{v.paint(colour, text)}
	if c.LastError.v != "" {
		lines = append(lines, v.paint(fair, "            "+c.LastError.v))
	}
	return lines
}

// rows are the table of blocks, its head first; a block's last error stands below it.
func (v view) rows(now status, before *status) []string {
	table := new(strings.Builder)
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "BLOCK\tSTATE\tFOR\tMAILBOX\tHANDLED\tPER S\tRESTARTS\tNOTE")
	for _, b := range now.Blocks {
		mailbox := strconv.FormatInt(b.Mailbox.Depth.v, 10)
		if b.Mailbox.Capacity.v > 0 {
			mailbox += "/" + strconv.FormatInt(b.Mailbox.Capacity.v, 10)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f\t%s\t%d\t%s\n",
			short(b.title(), 24), printable(b.State.v), seconds(b.For.v), mailbox, b.Mailbox.Handled.v, rate(b, now, before), b.Restarts.v, b.note())
	}
	_ = w.Flush() // into memory
	lines := strings.Split(strings.TrimRight(table.String(), "\n"), "\n")
	rows := []string{v.paint(bold, lines[0])}
	for i, b := range now.Blocks {
		rows = append(rows, v.paint(b.colour(), lines[i+1]))
		if b.LastError.v != "" {
			rows = append(rows, v.paint(fair, "  "+b.LastError.v))
		}
	}
	return rows
}

func (b blockStatus) title() string {
	name := printable(cmp.Or(b.Responsibility.v, b.Name.v))
	if b.Name.v != "" && b.Name.v != name {
		name += " (" + printable(b.Name.v) + ")"
	}
	return name
}

func (b blockStatus) note() string {
	switch {
	case b.Stalled.v != "":
		return printable("stalled in " + b.Stalled.v)
	case b.WaitsFor.v != "":
		return printable("waits for " + b.WaitsFor.v)
	}
	return ""
}

func (b blockStatus) colour() string {
	switch {
	case b.State.v == "failed", b.State.v == "abandoned", b.Stalled.v != "":
		return bad
	case b.State.v == "restarting", b.State.v == "finishing":
		return fair
	}
	return plain
}

// rate is how many messages a block handles in a second.
func rate(b blockStatus, now status, before *status) string {
	span, handled := now.Process.Uptime.v, b.Mailbox.Handled.v
	if before != nil {
		for _, old := range before.Blocks {
			if old.Responsibility.v == b.Responsibility.v && old.Mailbox.Handled.v <= handled && before.Process.Uptime.v < span {
				span, handled = span-before.Process.Uptime.v, handled-old.Mailbox.Handled.v
				break
			}
		}
	}
	if span <= 0 {
		return "-"
	}
	return strconv.FormatFloat(handled/span, 'f', 0, 64)
}

// seconds is a span for people, to two units at most.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return shortDuration(d.Round(time.Second))
	case d < 48*time.Hour:
		return shortDuration(d.Round(time.Minute))
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// paint cuts a line to the width, and colours it.
func (v view) paint(colour, line string) string {
	line = short(strings.TrimRight(printable(line), " "), v.width)
	if !v.colour || colour == plain || line == "" {
		return line
	}
	return colour + line + reset
}

func short(line string, width int) string {
	runes := []rune(line)
	if width <= 0 || len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// printable takes out what could steer the terminal: errors hold what peers have sent.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, text)
}
