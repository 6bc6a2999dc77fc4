package nats

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

var long = flag.Bool("long", false, "1,000,000 messages instead of 20,000")

// messages is how many a campaign sends.
func messages() int {
	if *long {
		return 1_000_000
	}
	return 20_000
}

const (
	senders       = 20
	retryInterval = 20 * time.Millisecond // base of the connector's backoff
	retryCap      = 200 * time.Millisecond
)

// campaign is senders that send as fast as they can to a producer, whose broker has a hard time.
type campaign struct {
	*sputniktest.Flight
	t        *testing.T
	conf     Conf
	total    int
	sent     atomic.Int64 // taken by Send
	stored   atomic.Int64 // acknowledged, says done
	failed   atomic.Int64 // given up, says done
	twice    atomic.Int64 // done was called again
	reached  map[int64]chan struct{}
	finished chan struct{}
	wg       sync.WaitGroup
}

// newCampaign launches the process. The test hears, by at, when so many messages are stored.
func newCampaign(t *testing.T, conf Conf, producer ProducerConf, total int, marks ...int) *campaign {
	t.Helper()
	c := &campaign{t: t, conf: conf, total: total, reached: make(map[int64]chan struct{}), finished: make(chan struct{})}
	for _, mark := range append(marks, total) {
		c.reached[int64(mark)] = make(chan struct{})
	}
	c.Flight = sputniktest.New(t,
		sputnik.WithConfFactory(confOf(conf, producer)),
		sputnik.WithConnector(NewConnector(discard(), nil), retryInterval),
		sputnik.WithBackoffCap(retryCap)).
		Within(10*time.Minute).
		NoLeakCheck(). // campaigns run side by side; TestMain looks in the end
		Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) }).
		Add("source", new(sputniktest.Recorder).Factory).
		Launch()
	t.Cleanup(c.wg.Wait)
	return c
}

// send starts the senders, whose messages are numbered by sender.
func (c *campaign) send() {
	to, _ := c.Communicator().Communicator(ProducerName)
	for s := range senders {
		c.wg.Go(func() {
			for i := range c.total / senders {
				var once atomic.Bool
				done := func(err error) {
					switch {
					case once.Swap(true):
						c.twice.Add(1)
					case err != nil:
						c.failed.Add(1)
					default:
						if reached := c.reached[c.stored.Add(1)]; reached != nil {
							close(reached)
						}
					}
				}
				data := fmt.Appendf(nil, "%d %d %s", s, i, strings.Repeat("x", 100))
				if !to.Send(sputnik.Msg{KeySubject: fmt.Sprint("sender.", s), KeyData: data, KeyDone: done}) {
					return // the process ends
				}
				c.sent.Add(1)
			}
		})
	}
}

// at waits until so many are stored.
func (c *campaign) at(mark int) {
	c.t.Helper()
	select {
	case <-c.reached[int64(mark)]:
	case <-time.After(10 * time.Minute):
		require.Fail(c.t, "it takes too long", "%d of %d stored; %v", c.stored.Load(), c.total, c.Status().Reason)
	}
}

// verify waits for the end, and wants every message in the stream exactly once, in the order of its sender if ordered.
func (c *campaign) verify(ordered bool) {
	t := c.t
	t.Helper()
	c.at(c.total)
	c.wg.Wait()
	require.NoError(t, c.Stop())
	require.Zero(t, c.failed.Load())
	require.Zero(t, c.twice.Load())
	require.EqualValues(t, c.total, c.sent.Load())
	require.EqualValues(t, c.total, c.stored.Load())

	inbox, stored := c.open()
	defer inbox.Stop()
	require.EqualValues(t, c.total, stored)
	seen := make(map[[2]int]bool, c.total)
	next := make([]int, senders)
	for range c.total {
		msg, err := inbox.Next(jetstream.NextMaxWait(patience))
		require.NoError(t, err, "after %d", len(seen))
		var s, i int
		_, err = fmt.Sscanf(string(msg.Data()), "%d %d", &s, &i)
		require.NoError(t, err)
		require.False(t, seen[[2]int{s, i}], "sender %d, message %d is there twice", s, i)
		seen[[2]int{s, i}] = true
		if ordered {
			require.Equal(t, next[s], i, "sender %d", s)
			next[s]++
		}
	}
}

// open opens the stream for reading, and tells how many messages it has. A cluster that a server has just come back to
// needs some seconds until it answers whatever it is asked.
func (c *campaign) open() (inbox jetstream.MessagesContext, stored uint64) {
	c.t.Helper()
	connector := NewConnector(discard(), nil)
	c.t.Cleanup(connector.Disconnect)
	try := func() error {
		conn, err := connector.Connect(confOf(c.conf, ProducerConf{}))
		if err != nil {
			return err
		}
		stream := conn.(*Connection).Stream
		consumer, err := stream.OrderedConsumer(c.t.Context(), jetstream.OrderedConsumerConfig{})
		if err != nil {
			return err
		}
		info, err := stream.Info(c.t.Context())
		if err != nil {
			return err
		}
		stored = info.State.Msgs
		inbox, err = consumer.Messages()
		return err
	}
	again := time.NewTicker(retryInterval)
	defer again.Stop()
	err := try()
	for until := time.Now().Add(patience); err != nil && time.Now().Before(until); err = try() {
		<-again.C
	}
	require.NoError(c.t, err)
	return inbox, stored
}
