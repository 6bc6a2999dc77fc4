package sputnik

import (
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik/internal/blackbox"
)

// WithBlackBox appends each [BlackBox] record to the file at path, made for its owner only; its folder must exist.
// Beyond 4 MiB the file is set aside as path.1. Observers and the logger get the record also without this option.
func WithBlackBox(path string) SputnikOption {
	return option(func(c *config) {
		if !blackbox.Placeable(path) {
			c.fault("WithBlackBox: %q: not a file in a folder that exists", path)
		}
		c.blackBox = path
	})
}

// note keeps an event, and returns the record that is due, if something is badly wrong; it is in the file by then.
func (b *eventBus) note(e Event) (*BlackBox, error) {
	var kind blackbox.Kind
	var stacks string
	switch e.(type) {
	case ProcessHurried:
		kind = blackbox.Alarm
		for _, u := range b.in.blocks() {
			if stacks == "" && u.state() == StateFinishing { // the finish waits for it
				stacks = u.stacks()
			}
		}
	case ProcessFinished:
		kind = blackbox.End
	case boxMark:
		kind = blackbox.Tick
	}
	if !b.box.Note(logged(e), kind, stacks) {
		return nil, nil
	}
	why, report := b.box.Report(findings(b.in.status()))
	return &BlackBox{At{e.When()}, why, report}, blackbox.Append(b.in.cfg.blackBox, report+"\n")
}

// findings puts a status in the words of a record, which leaves out what is empty.
func findings(s Status) (facts []blackbox.Fact, columns []string, rows []blackbox.Row) {
	lasting := func(s State, since time.Time) string { return fmt.Sprintf("%s for %s", s, blackbox.Age(since)) }
	facts = []blackbox.Fact{{"process", lasting(s.State, s.Since)}, {"stops by", s.Cause}, {"not ready", s.Reason}}
	if c := s.Connection; c.State != "" {
		facts = append(facts, blackbox.Fact{"connection", lasting(c.State, c.Since)})
	}
	for _, circle := range s.WaitCycles {
		facts = append(facts, blackbox.Fact{"wait cycle", circle})
	}
	for _, u := range s.Blocks {
		m := u.Mailbox
		rows = append(rows, blackbox.Row{
			First: u.LastError != nil || u.Stalled+u.WaitsFor != "" || u.State == StateFinishing || u.State == StateAbandoned,
			Cells: []any{
				u.Block.Responsibility, u.State, blackbox.Age(u.Since), m.Depth, m.Handled, m.Rejected, m.Dead,
				u.Restarts, u.Stalled, u.WaitsFor, u.LastError,
			},
		})
	}
	return facts, []string{"block", "state", "for", "queued", "handled", "rejected", "dead", "restarts", "stalled", "waits for", "last error"}, rows
}
