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
	accept    faults        // of the TCP listener
	read      faults        // of the UDP socket
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

// reportUntil reports losses and faults as they occur, at most once in reportEvery.
func (r *receiver) reportUntil(done <-chan struct{}) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var reported counts
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			r.report(&reported)
		}
	}
}

// counts are those that were reported.
type counts struct{ dropped, refused, unsent, accept, read uint64 }

func (r *receiver) report(reported *counts) {
	c := &r.count
	if n := growth(&c.dropped, &reported.dropped); n > 0 {
		r.log.Warn("UDP datagrams dropped: the queue is full", "dropped", n, "total", reported.dropped)
	}
	if n := growth(&c.refused, &reported.refused); n > 0 {
		r.log.Warn("TCP connections refused: max_conn reached", "refused", n, "total", reported.refused, "max_conn", r.conf.MaxConn)
	}
	if n := growth(&c.unsent, &reported.unsent); n > 0 {
		r.log.Warn("lines not accepted by the receiving block", "to", r.conf.To, "lines", n, "total", reported.unsent)
	}
	if n := growth(&c.accept.count, &reported.accept); n > 0 {
		r.log.Warn("TCP: accept failed", "error", c.accept.last.Load(), "times", n, "total", reported.accept)
	}
	if n := growth(&c.read.count, &reported.read); n > 0 {
		r.log.Warn("UDP: read failed", "error", c.read.last.Load(), "times", n, "total", reported.read)
	}
}

// growth is by how much a count is over what was reported, which is brought up to it.
func growth(count *atomic.Uint64, reported *uint64) uint64 {
	before := *reported
	*reported = count.Load()
	return *reported - before
}

// faults are errors of the same kind: how many, and the last one.
type faults struct {
	count atomic.Uint64
	last  atomic.Value // string
}

func (f *faults) add(err error) {
	f.last.Store(err.Error())
	f.count.Add(1)
}

// reportTotals is the last word.
func (r *receiver) reportTotals() {
	c := &r.count
	r.log.Info("received in all",
		"tcp_lines", c.tcp.Load(), "udp_lines", c.udp.Load(),
		"unparsed", c.unparsed.Load(), "truncated", c.truncated.Load(), "not_accepted", c.unsent.Load(),
		"udp_dropped", c.dropped.Load(), "connections_refused", c.refused.Load())
}
