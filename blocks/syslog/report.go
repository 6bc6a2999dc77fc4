package syslog

import "time"

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

// reportTotals is the last word.
func (r *receiver) reportTotals() {
	c := &r.count
	var args []any
	for i, transport := range transports {
		if n := c.lines[i].Load(); n > 0 || transport == transportTCP || transport == transportUDP {
			args = append(args, transport+"_lines", n)
		}
	}
	args = append(args,
		"unparsed", c.unparsed.Load(), "truncated", c.truncated.Load(), "filtered", c.filtered.Load(),
		"not_accepted", c.unsent.Load(), "dropped_queue", c.queueDropped.Load(), "dropped_kernel", c.kernelDropped.Load(),
		"connections_refused", c.refused.Load()+c.refusedPeer.count.Load())
	if n := c.relpAcked.Load() + c.relpRefused.count.Load() + c.relpLeft.Load(); n > 0 {
		args = append(args, "relp_acknowledged", c.relpAcked.Load(), "relp_refused", c.relpRefused.count.Load(), "relp_unanswered", c.relpLeft.Load())
	}
	r.log.Info("received in all", args...)
}
