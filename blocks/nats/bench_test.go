package nats

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/sputniktest"
)

const payload = 200 // bytes, a usual syslog record

func benchBroker(b *testing.B) *embedded.Broker {
	b.Helper()
	broker, err := embedded.Start(embedded.Conf{Store: b.TempDir()}, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, broker.Stop()) })
	return broker
}

// BenchmarkStored is messages from Send to the stream's acknowledgement, by the block and by a loop around nats.go's
// own PublishMsgAsync with as many in flight. Compare the figures of one run only.
func BenchmarkStored(b *testing.B) {
	b.Run("loop", func(b *testing.B) { benchLoop(b, false) })
	b.Run("loop-with-id", func(b *testing.B) { benchLoop(b, true) })
	b.Run("producer", benchProducer)
}

func benchLoop(b *testing.B, ids bool) {
	broker := benchBroker(b)
	c := NewConnector(slog.New(slog.DiscardHandler), broker)
	opened, err := c.Connect(confOf(DefaultConf(), ProducerConf{}))
	require.NoError(b, err)
	defer c.Disconnect()
	nc := opened.(*Connection).Conn
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(DefaultProducerConf().MaxPending))
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		msg := &nats.Msg{Subject: "syslog.user.info", Data: make([]byte, payload)}
		if ids {
			msg.Header = nats.Header{jetstream.MsgIDHeader: {fmt.Sprint("some-instance-of-26-chars-", i)}}
		}
		_, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func benchProducer(b *testing.B) {
	broker := benchBroker(b)
	f := sputniktest.New(b, sputnik.WithConfFactory(confOf(DefaultConf(), DefaultProducerConf())),
		sputnik.WithConnector(NewConnector(slog.New(slog.DiscardHandler), broker), 0)).
		Add(ProducerName, func() *sputnik.Block { return NewProducer(slog.New(slog.DiscardHandler)) }).
		NoLeakCheck(). // the stream's goroutines are the broker's
		Launch().Ready()
	var stored atomic.Int64
	all := make(chan struct{})
	done := func(err error) {
		if err != nil {
			b.Error(err)
		}
		if stored.Add(1) == int64(b.N) {
			close(all)
		}
	}
	to := f.Communicator()
	producer, _ := to.Communicator(ProducerName)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		producer.Send(sputnik.Msg{KeySubject: "user.info", KeyData: make([]byte, payload), KeyDone: done})
	}
	<-all
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	require.NoError(b, f.Stop())
}
