package nats

import (
	"fmt"
	"slices"
	"strconv"
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

const (
	payload = 200   // bytes, a usual syslog record
	round   = 20000 // messages
)

// BenchmarkStored is messages per second, from Send to the acknowledgement of the embedded broker, beside a loop around
// nats.go's own PublishMsgAsync. The rounds of the three take turns, since the machine is faster at one time than at
// another; figures are medians, and each ratio that of two rounds that were neighbours.
func BenchmarkStored(b *testing.B) {
	broker, err := embedded.Start(embedded.Conf{Store: b.TempDir()}, discard())
	require.NoError(b, err)
	defer func() { require.NoError(b, broker.Stop()) }()
	c := NewConnector(discard(), broker)
	opened, err := c.Connect(confOf(testConf(), ProducerConf{}))
	require.NoError(b, err)
	defer c.Disconnect()
	nc := opened.(*Connection).Conn
	f := sputniktest.New(b, sputnik.WithConfFactory(confOf(testConf(), DefaultProducerConf())),
		sputnik.WithConnector(NewConnector(discard(), broker), 0)).
		NoLeakCheck(). // the stream's goroutines are the broker's
		Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) }).
		Launch().Ready()
	producer, _ := f.Communicator().Communicator(ProducerName)

	var loop, withID, block, toLoop, toWithID []float64
	for range b.N {
		loop = append(loop, rate(func() { publishLoop(b, nc, "") }))
		block = append(block, rate(func() { sendAll(b, producer) }))
		withID = append(withID, rate(func() { publishLoop(b, nc, fmt.Sprint("an-instance-", len(loop), "-")) }))
		toLoop = append(toLoop, block[len(block)-1]/loop[len(loop)-1])
		toWithID = append(toWithID, block[len(block)-1]/withID[len(withID)-1])
	}
	require.NoError(b, f.Stop())
	b.ReportMetric(median(loop), "loop-msg/s")
	b.ReportMetric(median(withID), "loop-with-id-msg/s")
	b.ReportMetric(median(block), "producer-msg/s")
	b.ReportMetric(median(toLoop), "of-loop")
	b.ReportMetric(median(toWithID), "of-loop-with-id")
}

func rate(f func()) float64 {
	began := time.Now()
	f()
	return round / time.Since(began).Seconds()
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// publishLoop is the floor: nothing but nats.go, with as many in flight as the producer has.
func publishLoop(b *testing.B, nc *nats.Conn, ids string) {
	b.Helper()
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(DefaultProducerConf().MaxPending))
	require.NoError(b, err)
	defer js.CleanupPublisher()
	for i := range round {
		msg := &nats.Msg{Subject: "syslog.user.info", Data: make([]byte, payload)}
		if ids != "" {
			msg.Header = nats.Header{jetstream.MsgIDHeader: {ids + strconv.Itoa(i)}}
		}
		_, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
}

func sendAll(b *testing.B, producer sputnik.BlockCommunicator) {
	b.Helper()
	var stored atomic.Int64
	all := make(chan struct{})
	done := func(err error) {
		if err != nil {
			b.Error(err)
		}
		if stored.Add(1) == round {
			close(all)
		}
	}
	for range round {
		producer.Send(sputnik.Msg{KeySubject: "user.info", KeyData: make([]byte, payload), KeyDone: done})
	}
	<-all
}
