package sputniktest_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// trace is what happened, in the order of fake time. Within one instant the order of the goroutines is the
// scheduler's, so lines are sorted there: by actor, then as the actor said them.
type trace struct {
	mu    sync.Mutex
	lines []traceLine
}

type traceLine struct {
	at   time.Duration
	who  string
	seq  int
	text string
}

func (t *trace) add(a *actor, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.lines++
	t.lines = append(t.lines, traceLine{time.Since(a.w.start), a.name, a.lines, text})
}

func (t *trace) event(at time.Duration, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, traceLine{at, "event", 0, text})
}

func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.lines, func(a, b traceLine) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who), cmp.Compare(a.seq, b.seq), cmp.Compare(a.text, b.text))
	})
	var b strings.Builder
	for _, l := range t.lines {
		fmt.Fprintf(&b, "%13.6fs  %-20s %s\n", l.at.Seconds(), l.who, l.text)
	}
	return b.String()
}
