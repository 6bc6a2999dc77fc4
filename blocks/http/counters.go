package httpin

import (
	"bytes"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const reportEvery = time.Second

// counters say what became of requests. They only grow.
type counters struct {
	requests atomic.Uint64
	messages atomic.Uint64 // taken by the receiving block
	conns    atomic.Uint64 // refused: over max_conn
	faults   faults        // of connections, as net/http tells them

	mu       sync.Mutex
	statuses map[int]uint64 // answers other than 202
}

func (c *counters) refuseConn() { c.conns.Add(1) }

func (c *counters) answer(status int) {
	if status == http.StatusAccepted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = map[int]uint64{}
	}
	c.statuses[status]++
}

// reporter remembers what it has reported.
type reporter struct {
	log      *slog.Logger
	count    *counters
	conns    uint64
	faults   uint64
	statuses map[int]uint64
}

func newReporter(log *slog.Logger, count *counters) *reporter {
	return &reporter{log: log, count: count, statuses: map[int]uint64{}}
}

// until reports refusals as they occur, at most once in reportEvery.
func (r *reporter) until(done <-chan struct{}, failed <-chan error) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return nil
		case err := <-failed:
			return err
		case <-tick.C:
			r.report()
		}
	}
}

func (r *reporter) report() {
	if n, total := growth(&r.count.conns, &r.conns); n > 0 {
		r.log.Warn("connections closed: max_conn reached", "closed", n, "total", total)
	}
	if n, total := growth(&r.count.faults.count, &r.faults); n > 0 {
		r.log.Warn("connections failed", "last", r.count.faults.text(), "times", n, "total", total)
	}
	r.count.mu.Lock()
	defer r.count.mu.Unlock()
	for status, total := range r.count.statuses {
		if n := total - r.statuses[status]; n > 0 {
			r.statuses[status] = total
			r.log.Warn("requests refused", "status", status, "reason", statusText(status), "refused", n, "total", total)
		}
	}
}

// totals ends the reporting.
func (r *reporter) totals() {
	r.report()
	r.log.Info("total", "requests", r.count.requests.Load(), "messages", r.count.messages.Load())
}

// growth is by how much a count is over what was reported, which is brought up to it.
func growth(count *atomic.Uint64, reported *uint64) (n, total uint64) {
	before := *reported
	*reported = count.Load()
	return *reported - before, *reported
}

// faults is where net/http logs to: how many lines, and the last one.
type faults struct {
	count atomic.Uint64
	last  atomic.Pointer[string]
}

// Write takes a line.
func (f *faults) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	f.last.Store(&text)
	f.count.Add(1)
	return len(line), nil
}

func (f *faults) text() string {
	if last := f.last.Load(); last != nil {
		return *last
	}
	return ""
}
