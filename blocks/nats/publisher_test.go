package nats

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rig is a publisher without its block.
type rig struct {
	*publisher
	links chan *Connection
	done  chan struct{}
	hurry chan struct{}
	ended chan error
}

func newRig(conf ProducerConf) *rig {
	return &rig{
		publisher: newPublisher(slog.New(slog.DiscardHandler), conf, testConf()),
		links:     make(chan *Connection),
		done:      make(chan struct{}),
		hurry:     make(chan struct{}),
		ended:     make(chan error, 1),
	}
}

func (r *rig) start() {
	go func() { r.ended <- r.run(context.Background(), r.links, r.done, r.hurry) }()
}

func (r *rig) finish() error {
	close(r.done)
	return <-r.ended
}

// put waits for room, as OnMsg does.
func (r *rig) put(out outgoing) {
	for !r.offer(out) {
		<-r.room
	}
}

func numbered(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func (r *rig) send(from, to int) {
	for _, s := range numbered(from, to) {
		r.put(outgoing{subject: "syslog.user.info", data: []byte(s)})
	}
}

func TestPublishesInOrder(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	r.send(0, 5000)
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 5000), stored(t, conn))
}

func TestPublishesWhatCameWithoutAConnection(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.send(0, 10)
	r.links <- conn
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 10), stored(t, conn))
}

func TestPublishesOnceAcrossBrokenConnections(t *testing.T) {
	b := startBroker(t)
	_, witness := connect(t, b, testConf())
	conf := DefaultProducerConf()
	conf.MaxPending = 2000 // none may be acknowledged before the last connection
	r := newRig(conf)
	r.start()
	for i := range 20 {
		c, conn := connect(t, b, testConf())
		r.links <- conn
		r.send(100*i, 100*i+50)
		c.Disconnect() // in the midst of acknowledgements
		r.send(100*i+50, 100*i+100)
		r.links <- nil
	}
	r.links <- witness
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 2000), stored(t, witness))
}

func TestBrokenConnectionDuringFlush(t *testing.T) {
	b := startBroker(t)
	r := newRig(DefaultProducerConf())
	r.start()
	r.send(0, 10)
	close(r.done)
	_, conn := connect(t, b, testConf())
	r.links <- conn
	require.NoError(t, <-r.ended)
	assert.Equal(t, numbered(0, 10), stored(t, conn))
}

func TestWindowIsBounded(t *testing.T) {
	conf := DefaultProducerConf()
	conf.MaxPending = 10
	r := newRig(conf)
	r.start()
	r.send(0, 10)
	assert.False(t, r.offer(outgoing{subject: "syslog.user.info"}), "the eleventh was taken")
	close(r.hurry)
	r.send(10, 100) // the flush takes what is offered
	_, conn := connect(t, startBroker(t), testConf())
	r.links <- conn
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 100), stored(t, conn))
}

func TestWindowIsBoundedInBytes(t *testing.T) {
	conf := DefaultProducerConf()
	conf.MaxPendingBytes = 10
	r := newRig(conf)
	r.start()
	r.put(outgoing{subject: "syslog.user.info", data: make([]byte, 10)})
	assert.False(t, r.offer(outgoing{subject: "syslog.user.info"}), "more was taken")
	_, conn := connect(t, startBroker(t), testConf())
	r.links <- conn
	require.NoError(t, r.finish())
}

func TestFlushTellsWhatIsNotAcknowledged(t *testing.T) {
	conf := DefaultProducerConf()
	conf.FlushTimeout = time.Millisecond
	r := newRig(conf)
	r.start()
	r.send(0, 3)
	assert.EqualError(t, r.finish(), "3 messages not acknowledged within 1ms: no connection")
}

// What is stored, or refused, behind something that isn't is not in flight.
func TestInFlightIsWhatIsNotSettled(t *testing.T) {
	r := newRig(DefaultProducerConf())
	for range 3 {
		r.put(outgoing{subject: "syslog.x", data: make([]byte, 10)})
	}
	r.refuse(r.window.entries[1], errSubject)
	count := r.counters()
	assert.EqualValues(t, 2, count["in_flight"])
	assert.EqualValues(t, 20, count["in_flight_bytes"])
	assert.Equal(t, count["accepted"], count["refused"]+count["in_flight"])
	require.EqualError(t, r.unflushed("in time"), "2 messages not acknowledged in time: no connection")
}

func TestUnflushedNamesTheReason(t *testing.T) {
	r := newRig(DefaultProducerConf())
	r.put(outgoing{subject: "a", data: nil})
	r.fail(nats.ErrConnectionClosed)
	err := r.unflushed("in time")
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
}
