package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load is TCP senders that write the lines "<sender> <number>", each from 0 on.
type load struct {
	conns   []net.Conn
	written []atomic.Int64 // whole lines, by sender: the kernel has taken them
	due     chan struct{}  // a message whenever a further part of all lines is written
	padding string         // of each line
	sending sync.WaitGroup
	errs    []error
}

// sendLoad begins to send: lines is how many in all, parts how often due tells.
func sendLoad(t *testing.T, p *process, senders, lines, parts, padding int) *load {
	t.Helper()
	l := &load{padding: strings.Repeat("x", padding), written: make([]atomic.Int64, senders), errs: make([]error, senders), due: make(chan struct{}, parts)}
	var all atomic.Int64
	for i := range senders {
		l.conns = append(l.conns, p.dial(t, "tcp"))
		l.sending.Go(func() {
			l.errs[i] = l.send(i, lines/senders, func() {
				if n := all.Add(1); n%int64(max(1, lines/(parts+1))) == 0 {
					select {
					case l.due <- struct{}{}:
					default:
					}
				}
			})
		})
	}
	t.Cleanup(func() {
		for _, c := range l.conns {
			c.Close()
		}
		l.sending.Wait()
	})
	return l
}

// send writes so many lines, each by a write of its own or with others.
func (l *load) send(sender, lines int, wrote func()) error {
	const together = 10 // lines in a write
	w := bufio.NewWriter(l.conns[sender])
	for n := range lines {
		if _, err := fmt.Fprintf(w, "%s%d %d %s\n", header, sender, n, l.padding); err != nil {
			return err
		}
		if (n+1)%together != 0 && n+1 < lines {
			continue
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for l.written[sender].Load() <= int64(n) {
			l.written[sender].Add(1)
			wrote()
		}
	}
	return nil
}

// finish waits until everything is written, and read.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.sending.Wait()
	require.NoError(t, errors.Join(l.errs...))
	for _, c := range l.conns {
		accepted(t, c)
	}
}

// tally counts, by sender and number, what is in a stream.
type tally struct {
	seen      map[int][]int // how often, by number
	records   int
	truncated int // the halves of lines
}

func (s stream) tally(t *testing.T, n int) *tally {
	t.Helper()
	y := &tally{seen: make(map[int][]int)}
	s.each(t, n, func(_ string, data []byte) {
		var r struct {
			Message   string
			Truncated bool
		}
		require.NoError(t, json.Unmarshal(data, &r))
		y.records++
		if r.Truncated {
			y.truncated++
			return
		}
		var sender, number int
		_, err := fmt.Sscanf(r.Message, "%d %d", &sender, &number)
		require.NoError(t, err, r.Message)
		for len(y.seen[sender]) <= number {
			y.seen[sender] = append(y.seen[sender], 0)
		}
		y.seen[sender][number]++
	})
	return y
}

// assertOnce wants the first so many lines of each sender, each of them once.
func (y *tally) assertOnce(t *testing.T, senders, each int) {
	t.Helper()
	for sender := range senders {
		assert.Len(t, y.seen[sender], each, "lines of sender %d", sender)
	}
	y.assertNoGaps(t, 1)
}

// assertNoGaps wants each line up to the last one of its sender, at most so often.
func (y *tally) assertNoGaps(t *testing.T, atMost int) {
	t.Helper()
	for sender, seen := range y.seen {
		for number, times := range seen {
			if times < 1 || times > atMost {
				assert.Fail(t, "not stored as often as it should be", "line %d of sender %d: %d times", number, sender, times)
			}
		}
	}
}
