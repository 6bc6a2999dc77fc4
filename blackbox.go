package sputnik

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sputnik-go/sputnik/internal/journal"
	"github.com/sputnik-go/sputnik/internal/stack"
)

// WithBlackBox appends each [BlackBox] record to the file at path, made for its owner only; its folder must exist. Beyond 4 MiB the file
// is set aside as path.1. Observers and the logger get the record with and without it.
func WithBlackBox(path string) SputnikOption {
	return option(func(c *config) {
		if info, err := os.Stat(filepath.Dir(path)); path == "" || err != nil || !info.IsDir() {
			c.fault("WithBlackBox: %q: not a file in a folder that exists", path)
		}
		c.blackBox = path
	})
}

const (
	keptEvents    = 64
	blackBoxPause = time.Second // between two records
	maxRows       = 500         // of blocks in a record
)

// blackBox keeps the last events, and makes a record of them when something is badly wrong. It is used by the goroutine that
// delivers events only.
type blackBox struct {
	in     *initiator
	events []Event // the last ones
	last   time.Time
	why    string   // what the next record is for; empty: nothing
	stacks []string // for it
}

// note keeps an event, and returns the record that is due.
func (b *blackBox) note(e Event) (record BlackBox, due bool) {
	if len(b.events) == keptEvents {
		b.events = append(b.events[:0], b.events[1:]...)
	}
	b.events = append(b.events, e)
	if why, stacks := b.trouble(e); why != "" {
		if b.why == "" {
			b.why = why
		}
		if stacks != "" && len(b.stacks) < maxStacks {
			b.stacks = append(b.stacks, why+"\n"+stacks)
		}
	}
	_, over := e.(ProcessFinished)
	if b.why == "" || !over && e.When().Sub(b.last) < blackBoxPause {
		return record, false
	}
	record = BlackBox{At{e.When()}, b.why, b.report(e)}
	b.last, b.why, b.stacks = e.When(), "", nil
	return record, true
}

// trouble tells whether an event asks for a record, and which stacks belong to it.
func (b *blackBox) trouble(e Event) (why, stacks string) {
	panicked := func(err error) (string, string) {
		if p, ok := errors.AsType[*PanicError](err); ok {
			return err.Error(), string(p.Stack)
		}
		return "", ""
	}
	switch e := e.(type) {
	case BlockFailed:
		return panicked(e.Err)
	case ConnectFailed:
		return panicked(e.Err)
	case ConnectionLost:
		return panicked(e.Err)
	case ConnectorFaulted:
		return panicked(e.Err)
	case BlockAbandoned:
		return e.Err.Error(), e.Err.Stacks
	case CallbackStalled:
		return fmt.Sprintf("block %s: %s runs for %v", e.Block, e.Callback, e.For), e.Stacks
	case ProcessHurried:
		_, why = e.record()
		for _, u := range b.in.blocks() {
			if s := u.status().State; s == StateFinishing && stacks == "" {
				stacks = stack.Of(b.in.id, u.desc.Responsibility)
			}
		}
		return why, stacks
	}
	return "", ""
}

// report is for people.
func (b *blackBox) report(e Event) string {
	var out strings.Builder
	s := b.in.status()
	at := e.When().Format(time.RFC3339Nano)
	fmt.Fprintf(&out, "black box of %s\n\nwhy:         %s\nprocess:     %s for %v\n", at, b.why, s.State, since(s.Since, e))
	if s.Cause != nil {
		fmt.Fprintf(&out, "stops by:    %v\n", s.Cause)
	}
	if s.Reason != "" {
		fmt.Fprintf(&out, "not ready:   %s\n", s.Reason)
	}
	if c := s.Connection; c.State != "" {
		fmt.Fprintf(&out, "connection:  %s for %v\n", c.State, since(c.Since, e))
	}
	for _, circle := range s.WaitCycles {
		fmt.Fprintf(&out, "wait cycle:  %v\n", circle)
	}
	out.WriteString("\n")
	table := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "BLOCK\tSTATE\tFOR\tQUEUED\tHANDLED\tREJECTED\tDEAD\tRESTARTS\tSTALLED\tWAITS FOR\tLAST ERROR\n")
	for i, u := range s.Blocks {
		if i == maxRows {
			fmt.Fprintf(table, "... and %d more\n", len(s.Blocks)-i)
			break
		}
		last := ""
		if u.LastError != nil {
			last, _, _ = strings.Cut(u.LastError.Error(), "\n")
		}
		m := u.Mailbox
		fmt.Fprintf(table, "%s\t%s\t%v\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", u.Block.Responsibility, u.State, since(u.Since, e),
			m.Depth, m.Handled, m.Rejected, m.Dead, u.Restarts, u.Stalled, u.WaitsFor, last)
	}
	_ = table.Flush() // to memory
	out.WriteString("\nlast events:\n")
	for _, e := range b.events {
		level, text := e.record()
		fmt.Fprintf(&out, "%s %-5s %s", e.When().Format("15:04:05.000"), level, text)
		for _, a := range attributes(e) {
			if a.Key != "stacks" {
				fmt.Fprintf(&out, " %s", a)
			}
		}
		out.WriteString("\n")
	}
	for _, stacks := range b.stacks {
		fmt.Fprintf(&out, "\nstacks: %s\n", stacks)
	}
	return out.String()
}

func since(t time.Time, e Event) time.Duration { return e.When().Sub(t).Round(time.Millisecond) }

// save appends the record to the file, where one is wanted.
func (b *blackBox) save(record BlackBox) error {
	if b.in.cfg.blackBox == "" {
		return nil
	}
	if err := journal.Append(b.in.cfg.blackBox, record.Report+"\n"); err != nil {
		return fmt.Errorf("black box: %w", err)
	}
	return nil
}
