package syslog

import (
	"maps"
	"slices"
	"time"
)

const reportEvery = time.Second

// loss is something to warn of while it happens.
type loss struct {
	text     string
	count    *counter
	faults   *faults // where count is that of faults
	args     []any
	reported uint64
}

func (r *receiver) losses() []loss {
	c := &r.count
	all := []loss{
		{text: "datagrams dropped: the queue is full (udp_queue, udp_queue_bytes)", count: &c.queueDropped},
		{text: "datagrams dropped by the kernel: the socket's buffer is full (udp_buffer, net.core.rmem_max)", count: &c.kernelDropped},
		{text: "connections refused: max_conn reached", count: &c.refused, args: []any{"max_conn", r.conf.MaxConn}},
		{text: "connections refused: max_conn_per_peer reached", faults: &c.refusedPeer, args: []any{"max_conn_per_peer", r.conf.MaxConnPerPeer}},
		{text: "lines not accepted by the receiving block", count: &c.unsent, args: []any{"to", r.conf.To}},
		{text: "RELP lines refused for good", faults: &c.relpRefused, args: []any{"to", r.conf.To}},
		{text: "accept failed", faults: &c.accept},
		{text: "read failed", faults: &c.read},
		{text: "log lines of connections suppressed", count: &c.unlogged},
	}
	for i := range all {
		if all[i].faults != nil {
			all[i].count = &all[i].faults.count
		}
	}
	return all
}

// reportUntil reports losses as they occur, at most once in reportEvery.
func (r *receiver) reportUntil(done <-chan struct{}) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	losses := r.losses()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			for _, s := range r.servers {
				s.sample()
			}
			r.report(losses)
		}
	}
}

func (r *receiver) report(losses []loss) {
	for i := range losses {
		l := &losses[i]
		total := l.count.Load()
		if total == l.reported {
			continue
		}
		args := append([]any{"times", total - l.reported, "total", total}, l.args...)
		if l.faults != nil {
			args = append(args, "last", *l.faults.last.Load())
		}
		//nolint:sloglint // the table holds literals
		r.log.Warn(l.text, args...)
		l.reported = total
	}
}

// reportTotals is the last word: the counters, but for those that nobody misses at 0.
func (r *receiver) reportTotals() {
	always := []string{"lines_received", "lines_not_accepted", "datagrams_dropped_queue", "datagrams_dropped_kernel"}
	all := r.snapshot()
	var args []any
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] > 0 || slices.Contains(always, name) {
			args = append(args, name, all[name])
		}
	}
	r.log.Info("received in all", args...)
}
