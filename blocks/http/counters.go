package httpin

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const reportEvery = time.Second

// counters say what became of requests and connections. They only grow.
type counters struct {
	requests atomic.Uint64
	accepted atomic.Uint64 // answered by 202
	messages atomic.Uint64 // taken by the receiving block
	conns    atomic.Uint64 // refused: over max_conn
	faults   faults        // of connections, as net/http tells them

	mu       sync.Mutex
	statuses map[int]uint64 // answers other than 202
}

func (c *counters) refuseConn() { c.conns.Add(1) }

func (c *counters) answer(status int) {
	if status == http.StatusAccepted {
		c.accepted.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = map[int]uint64{}
	}
	c.statuses[status]++
}

// answers is how many there were of each status that there can be.
func (c *counters) answers() map[int]uint64 {
	all := map[int]uint64{
		http.StatusAccepted:              c.accepted.Load(),
		http.StatusBadRequest:            0,
		http.StatusUnauthorized:          0,
		http.StatusForbidden:             0,
		http.StatusNotFound:              0,
		http.StatusMethodNotAllowed:      0,
		http.StatusRequestTimeout:        0,
		http.StatusRequestEntityTooLarge: 0,
		http.StatusUnsupportedMediaType:  0,
		http.StatusTooManyRequests:       0,
		statusGone:                       0,
		http.StatusBadGateway:            0,
		http.StatusServiceUnavailable:    0,
		http.StatusGatewayTimeout:        0,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(all, c.statuses)
	return all
}

// snapshot is what a request for the counters is answered with.
func (r *receiver) snapshot() map[string]uint64 {
	h := r.handler
	c := &h.count
	all := map[string]uint64{
		"requests_waiting":    uint64(h.pump.waiting.Load()),
		"messages_accepted":   c.messages.Load(),
		"pending_bytes":       uint64(h.budget.held.Load()),
		"connections_open":    uint64(r.server.connections()),
		"connections_refused": c.conns.Load(),
		"connections_failed":  c.faults.count.Load(),
	}
	answered := uint64(0)
	for status, n := range c.answers() {
		all["requests_"+strconv.Itoa(status)] = n
		answered += n
	}
	received := c.requests.Load() // after the answers, so that these are never more
	all["requests_received"], all["requests_open"] = received, received-answered
	return all
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
