package syslog

import (
	"strings"
	"sync/atomic"
	"time"
)

type counter = atomic.Uint64

// counters say what became of the lines and the connections. They only grow.
type counters struct {
	lines     [7]counter // received, by transport
	unparsed  counter    // of those
	truncated counter    // of those
	filtered  counter    // of those
	unsent    counter    // of those, not accepted by the receiving block, and lost

	queueDropped  counter // datagrams that found the queue full
	kernelDropped counter // datagrams that found the socket's buffer full

	connections counter // taken in
	refused     counter // over max_conn
	refusedPeer faults  // over max_conn_per_peer
	idle        counter // closed for it
	slow        counter // closed as a line wasn't completed in time
	oversize    counter // closed for a frame that can't be read
	handshakes  counter // of TLS that failed
	unlogged    counter // log lines over the quota

	relpAcked   counter // lines answered as stored
	relpRefused faults  // lines answered as refused for good
	relpLeft    counter // lines left without an answer, which their senders keep

	accept faults // of the listeners
	read   faults // of the datagram sockets
}

//nolint:gochecknoglobals // the order of counters.lines
var transports = [...]string{
	transportUDP, transportTCP, transportTLS, transportRELP, transportRELPTLS, transportUnix, transportUnixgram,
}

// of returns the counter of a transport's lines.
func (c *counters) of(transport string) *counter {
	for i, t := range transports {
		if t == transport {
			return &c.lines[i]
		}
	}
	panic("syslog: unknown transport " + transport)
}

// snapshot is what a request for the counters is answered with.
func (r *receiver) snapshot() map[string]uint64 {
	c := &r.count
	all := map[string]uint64{
		"lines_unparsed":            c.unparsed.Load(),
		"lines_truncated":           c.truncated.Load(),
		"lines_filtered":            c.filtered.Load(),
		"lines_not_accepted":        c.unsent.Load(),
		"datagrams_dropped_queue":   c.queueDropped.Load(),
		"datagrams_dropped_kernel":  c.kernelDropped.Load(),
		"connections_open":          uint64(r.crowd.open()),
		"connections_total":         c.connections.Load(),
		"connections_refused":       c.refused.Load(),
		"connections_refused_peer":  c.refusedPeer.count.Load(),
		"connections_closed_idle":   c.idle.Load(),
		"connections_closed_slow":   c.slow.Load(),
		"connections_closed_framed": c.oversize.Load(),
		"tls_handshakes_failed":     c.handshakes.Load(),
		"relp_acknowledged":         c.relpAcked.Load(),
		"relp_refused":              c.relpRefused.count.Load(),
		"relp_unanswered":           c.relpLeft.Load(),
		"accept_errors":             c.accept.count.Load(),
		"read_errors":               c.read.count.Load(),
		"log_lines_suppressed":      c.unlogged.Load(),
	}
	total := uint64(0)
	for i, transport := range transports {
		n := c.lines[i].Load()
		all["lines_"+strings.ReplaceAll(transport, "+", "_")] = n
		total += n
	}
	all["lines_received"] = total
	return all
}

// faults are events of the same kind: how many, and what the last one said.
type faults struct {
	count counter
	last  atomic.Pointer[string]
}

func (f *faults) note(text string) {
	f.last.Store(&text)
	f.count.Add(1)
}

// quota bounds how many log lines peers can cause.
type quota struct {
	second atomic.Int64
	used   atomic.Int64
}

const quotaPerSecond = 20

func (q *quota) allow(suppressed *counter) bool {
	if now := time.Now().Unix(); q.second.Swap(now) != now {
		q.used.Store(0)
	}
	if q.used.Add(1) <= quotaPerSecond {
		return true
	}
	suppressed.Add(1)
	return false
}
