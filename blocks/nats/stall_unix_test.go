//go:build unix

package nats

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// The broker is stopped by SIGSTOP: its connections stand, and nothing moves.
func TestStalledBrokerHoldsUpTheSenders(t *testing.T) {
	total := messages()
	server := brokertest.Start(t)
	conf := testConf()
	conf.URLs = []string{server.URL}
	conf.AckTimeout, conf.ConnectTimeout = 300*time.Millisecond, 200*time.Millisecond
	producer := DefaultProducerConf()
	c := newCampaign(t, conf, producer, total, total/10)
	c.send()
	c.at(total / 10)
	server.Freeze(t)
	failures := func(n int) (heap uint64, taken int64) {
		sputniktest.Await[sputnik.ConnectFailed](c.Flight, nth[sputnik.ConnectFailed](n))
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc, c.sent.Load()
	}
	n := 1
	for ; c.Block(ProducerName).Mailbox.Depth < mailbox; n++ { // until nobody can send any more
		failures(n)
	}
	before, takenBefore := failures(n + 1)
	after, taken := failures(n + 6)
	assert.Equal(t, takenBefore, taken, "senders wait")
	assert.LessOrEqual(t, taken-c.stored.Load(), int64(producer.MaxPending+mailbox+2))
	assert.Less(t, taken, int64(total))
	t.Logf("heap while the broker stands still: %d KiB, then %d KiB; %d messages in hand", before>>10, after>>10, taken-c.stored.Load())
	assert.Less(t, after, before+2<<20, "memory stays flat")
	server.Thaw(t)
	c.verify(true)
}

func TestConnectorConforms(t *testing.T) {
	server := brokertest.Start(t)
	conf := testConf()
	conf.URLs = []string{server.URL}
	sputniktest.Connector(t, func() sputnik.ServerConnector { return NewConnector(discard(), nil) },
		sputniktest.WithConf(confOf(conf, ProducerConf{})), sputniktest.WithRealTime(), sputniktest.WithCycles(20),
		sputniktest.WithOutage(server.Kill, func() { server.Restart(t) }),
		sputniktest.WithMute(func() { server.Freeze(t) }, func() { server.Thaw(t) }))
}
