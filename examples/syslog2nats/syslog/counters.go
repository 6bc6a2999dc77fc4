package syslog

import (
	"sync/atomic"
	"time"
)

const reportEvery = time.Second

// counters say what became of the lines. They only grow.
type counters struct {
	tcp, udp  atomic.Uint64 // lines received
	unparsed  atomic.Uint64 // of those
	truncated atomic.Uint64 // of those
	unsent    atomic.Uint64 // of those, not accepted by the receiving block
	dropped   atomic.Uint64 // datagrams that found the queue full
	refused   atomic.Uint64 // connections over the limit
}

func (c *counters) of(r *Record) {
	if r.Transport == "udp" {
		c.udp.Add(1)
	} else {
		c.tcp.Add(1)
	}
	if r.Format == formatUnparsed {
		c.unparsed.Add(1)
	}
	if r.Truncated {
		c.truncated.Add(1)
	}
}

// reportUntil reports losses as they occur, at most once in reportEvery.
func (r *receiver) reportUntil(done <-chan struct{}) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var dropped, refused uint64
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if n := r.count.dropped.Load(); n > dropped {
			r.log.Warn("UDP datagrams dropped: the queue is full", "dropped", n-dropped, "total", n)
			dropped = n
		}
		if n := r.count.refused.Load(); n > refused {
			r.log.Warn("TCP connections refused: max_conn reached", "refused", n-refused, "total", n, "max_conn", r.conf.MaxConn)
			refused = n
		}
	}
}

// reportTotals is the last word.
func (r *receiver) reportTotals() {
	c := &r.count
	r.log.Info("received in all",
		"tcp_lines", c.tcp.Load(), "udp_lines", c.udp.Load(),
		"unparsed", c.unparsed.Load(), "truncated", c.truncated.Load(), "not_accepted", c.unsent.Load(),
		"udp_dropped", c.dropped.Load(), "connections_refused", c.refused.Load())
}
