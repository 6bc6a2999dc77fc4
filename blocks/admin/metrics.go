package admin

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sputnik-go/sputnik"
)

// metrics is what /metrics tells: a registry of this block's own.
type metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec // by level
	refused  *prometheus.CounterVec // requests, by reason
}

func newMetrics(a *admin) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sputnik_events_total", Help: "Lifecycle events so far.",
		}, []string{"level"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sputnik_admin_requests_refused_total", Help: "Requests to the admin block that were refused.",
		}, []string{"reason"}),
	}
	for _, reason := range refusals() {
		m.refused.WithLabelValues(string(reason))
	}
	for _, level := range []string{"debug", "info", "warn", "error"} {
		m.events.WithLabelValues(level)
	}
	m.registry.MustRegister(m.events, m.refused, &collector{a},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// collector tells the status of the process at the time of asking.
type collector struct{ a *admin }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sputnik_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector]: none in advance, the labels vary with the process.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	told, status := c.a.counters(), c.a.now()
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
		clean := make([]string, len(labels))
		for i, l := range labels {
			clean[i] = strings.ToValidUTF8(l, "?") // a responsibility may be any text
		}
		out <- prometheus.MustNewConstMetric(d, kind, v, clean...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) { tell(d, prometheus.GaugeValue, v, labels) }
	count := func(d *prometheus.Desc, v float64, labels ...string) { tell(d, prometheus.CounterValue, v, labels) }
	states := func(d *prometheus.Desc, is sputnik.State, all []sputnik.State, labels ...string) {
		for _, s := range all {
			gauge(d, truth(s == is), append(slices.Clone(labels), string(s))...)
		}
	}

	gauge(describe("live", "Whether the process is live."), truth(status.Live))
	gauge(describe("ready", "Whether the process is ready."), truth(status.Ready))
	gauge(describe("startup_done", "Whether the process was running once."), truth(startupDone(status)))
	gauge(describe("start_time_seconds", "When this flight began, in seconds since the epoch."), float64(c.a.begun.UnixMilli())/1000)
	gauge(describe("wait_cycles", "Circles of blocks that wait for each other."), float64(len(status.WaitCycles)))
	gauge(describe("admin_streams", "Clients that follow the events of the admin block."), float64(c.a.streams.Load()))
	states(describe("process_state", "The state of the process: 1 for the one that it is in.", "state"), status.State, processStates())

	if link := status.Connection; link.State != "" {
		attempts, losses, _ := c.a.link.snapshot()
		states(describe("connection_state", "The state of the connection: 1 for the one that it is in.", "state"), link.State, linkStates())
		gauge(describe("connection_attempt", "The attempt to connect in progress or to come; 0 when connected."), float64(link.Attempt))
		count(describe("connection_attempts_total", "Attempts to connect that came to an end."), float64(attempts))
		count(describe("connection_losses_total", "Connections that broke."), float64(losses))
	}

	state := describe("block_state", "The state of the block: 1 for the one that it is in.", "block", "name", "state")
	restarts := describe("block_restarts_total", "Restarts of the block.", "block", "name")
	stalled := describe("block_stalled", "Whether a callback of the block runs for longer than the watchdog allows.", "block", "name")
	depth := describe("mailbox_depth", "Messages accepted and not handled yet.", "block", "name")
	high := describe("mailbox_high_water", "The largest depth so far.", "block", "name")
	capacity := describe("mailbox_capacity", "Messages that may wait; 0 is unbounded.", "block", "name")
	accepted := describe("messages_accepted_total", "Messages that the mailbox has taken.", "block", "name")
	handled := describe("messages_handled_total", "Messages that the block has handled.", "block", "name")
	rejected := describe("messages_rejected_total", "Messages that the mailbox has refused.", "block", "name")
	dead := describe("messages_dead_total", "Messages that were accepted, but dropped or left.", "block", "name")
	for _, b := range status.Blocks {
		l := []string{b.Block.Responsibility, b.Block.Name}
		states(state, b.State, blockStates(), l...)
		count(restarts, float64(b.Restarts), l...)
		gauge(stalled, truth(b.Stalled != ""), l...)
		gauge(depth, float64(b.Mailbox.Depth), l...)
		gauge(high, float64(b.Mailbox.HighWater), l...)
		gauge(capacity, float64(b.Mailbox.Capacity), l...)
		count(accepted, float64(b.Mailbox.Accepted), l...)
		count(handled, float64(b.Mailbox.Handled), l...)
		count(rejected, float64(b.Mailbox.Rejected), l...)
		count(dead, float64(b.Mailbox.Dead), l...)
	}

	counter := describe("block_counter", "What the block tells of itself.", "block", "counter")
	up := describe("block_counters_up", "Whether the block has answered for its counters in time.", "block")
	for _, resp := range slices.Sorted(maps.Keys(told)) {
		gauge(up, truth(told[resp].fault == ""), resp)
		for name, n := range told[resp].counts {
			tell(counter, prometheus.UntypedValue, float64(n), []string{resp, name})
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func processStates() []sputnik.State {
	return []sputnik.State{
		sputnik.StatePreparing, sputnik.StatePrepared, sputnik.StateRunning, sputnik.StateFinishing, sputnik.StateFinished,
	}
}

func linkStates() []sputnik.State {
	return []sputnik.State{sputnik.StateDisconnected, sputnik.StateConnecting, sputnik.StateConnected}
}

func blockStates() []sputnik.State {
	return []sputnik.State{
		sputnik.StateCreated, sputnik.StateInitialised, sputnik.StateRunning, sputnik.StateRestarting,
		sputnik.StateFailed, sputnik.StateFinishing, sputnik.StateFinished, sputnik.StateAbandoned,
	}
}
