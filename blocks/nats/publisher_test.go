package nats

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
		publisher: newPublisher(slog.New(slog.DiscardHandler), conf, DefaultConf()),
		links:     make(chan *Connection),
		done:      make(chan struct{}),
		hurry:     make(chan struct{}),
		ended:     make(chan error, 1),
	}
}

func (r *rig) start() { go func() { r.ended <- r.run(r.links, r.done, r.hurry, nil) }() }

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
	_, conn := connect(t, startBroker(t), DefaultConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	r.send(0, 5000)
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 5000), stored(t, conn))
}

func TestPublishesWhatCameWithoutAConnection(t *testing.T) {
	_, conn := connect(t, startBroker(t), DefaultConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.send(0, 10)
	r.links <- conn
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 10), stored(t, conn))
}

func TestPublishesOnceAcrossBrokenConnections(t *testing.T) {
	b := startBroker(t)
	_, witness := connect(t, b, DefaultConf())
	conf := DefaultProducerConf()
	conf.MaxPending = 2000 // none may be acknowledged before the last connection
	r := newRig(conf)
	r.start()
	for i := range 20 {
		c, conn := connect(t, b, DefaultConf())
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
	_, conn := connect(t, b, DefaultConf())
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
	_, conn := connect(t, startBroker(t), DefaultConf())
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
	_, conn := connect(t, startBroker(t), DefaultConf())
	r.links <- conn
	require.NoError(t, r.finish())
}

func TestFlushTellsWhatIsNotAcknowledged(t *testing.T) {
	conf := DefaultProducerConf()
	conf.FlushTimeout = time.Millisecond
	r := newRig(conf)
	r.start()
	r.send(0, 3)
	assert.EqualError(t, r.finish(), "3 lines not acknowledged within 1ms: no connection")
}

func TestRefusedForGood(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	cfg := conn.Info.Config
	cfg.MaxMsgSize = 1000
	_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	r.send(0, 2)
	r.put(outgoing{subject: "syslog.user.info", data: []byte(strings.Repeat("x", 2000))}) // by the stream
	r.put(outgoing{subject: "syslog.user.info", data: make([]byte, 2<<20)})               // by the client: over the maximum payload
	r.send(2, 4)
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 4), stored(t, conn))
	assert.EqualValues(t, 2, r.refused.count)
}

func TestRefusedForNow(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	cfg := conn.Info.Config
	cfg.MaxMsgs, cfg.Discard = 1, jetstream.DiscardNew
	_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	r := newRig(DefaultProducerConf())
	r.pause = time.Millisecond
	r.start()
	r.links <- conn
	r.send(0, 3)
	err = <-conn.broken
	require.ErrorContains(t, err, "refused by the stream")

	cfg.MaxMsgs = 10
	_, err = conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	_, next := connect(t, b, DefaultConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 3), stored(t, conn))
}

// What a stream refuses for a reason that may pass is not given up.
func TestSealedUnderway(t *testing.T) {
	_, conn := connect(t, startBroker(t), DefaultConf())
	conf := DefaultProducerConf()
	conf.FlushTimeout = 10 * time.Millisecond
	r := newRig(conf)
	r.pause = time.Millisecond
	r.start()
	r.links <- conn
	cfg := conn.Info.Config
	cfg.Sealed = true
	_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	r.send(0, 3)
	require.ErrorContains(t, <-conn.broken, "sealed")
	require.ErrorContains(t, r.finish(), "3 lines not acknowledged within 10ms: refused by the stream")
	assert.Zero(t, r.refused.count)
}

func TestRefusalsAreLoggedOnceInASecond(t *testing.T) {
	var out strings.Builder
	r := newRig(DefaultProducerConf())
	r.log = slog.New(slog.NewTextHandler(&out, nil))
	e := &entry{msg: nats.Msg{Subject: "syslog.user.info"}}
	for range 100 {
		r.refuse(e, nats.ErrMaxPayload)
	}
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
	r.refused.logged = r.refused.logged.Add(-time.Second)
	r.refuse(e, nats.ErrMaxPayload)
	assert.Contains(t, out.String(), "refused=101\n")
}

// The stream's subjects are changed: nobody takes the messages, until they are changed back.
func TestSubjectsChangedUnderway(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	r.send(0, 3)
	change := func(subject string) {
		cfg := conn.Info.Config
		cfg.Subjects = []string{subject}
		_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
		require.NoError(t, err)
	}
	change("other.>")
	r.send(3, 6)
	require.ErrorIs(t, <-conn.broken, jetstream.ErrNoStreamResponse)
	change("syslog.>")
	_, next := connect(t, b, DefaultConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 6), stored(t, conn))
}

// An acknowledgement of another stream, such as that of a hub, is none.
func TestAcknowledgedByTheWrongStream(t *testing.T) {
	_, conn := connect(t, startBroker(t), DefaultConf())
	conf := DefaultProducerConf()
	conf.FlushTimeout = time.Millisecond
	r := newRig(conf)
	r.stream = "OTHER"
	r.start()
	r.links <- conn
	r.send(0, 1)
	require.ErrorContains(t, <-conn.broken, `stream SYSLOG (domain "") has taken a message for stream OTHER`)
	require.ErrorContains(t, r.finish(), "1 lines not acknowledged")
}

// A server that doesn't answer is given up, also while it keeps the connection.
func TestNoAcknowledgementInTime(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	r := newRig(DefaultProducerConf())
	r.ackTimeout = 50 * time.Millisecond
	r.attach(conn)
	r.js.CleanupPublisher() // forgets what it has published; what comes now is lost, too
	r.put(outgoing{subject: "syslog.x", data: []byte("0")})
	r.acks = newAcks()
	r.start()
	require.ErrorContains(t, <-conn.broken, "no acknowledgement within 50ms")
	_, next := connect(t, b, DefaultConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 1), stored(t, next))
}

func TestStreamDeletedUnderway(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	require.NoError(t, conn.JetStream.DeleteStream(t.Context(), "SYSLOG"))
	r.send(0, 3)
	require.ErrorIs(t, <-conn.broken, jetstream.ErrNoStreamResponse)
	c := NewConnector(slog.New(slog.DiscardHandler), b)
	defer c.Disconnect()
	again, err := c.Connect(confOf(DefaultConf(), ProducerConf{})) // makes the stream anew
	for tries := 0; err != nil && tries < 100; tries++ {           // the server may still be removing the old one's files
		again, err = c.Connect(confOf(DefaultConf(), ProducerConf{}))
	}
	require.NoError(t, err)
	next := again.(*Connection)
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 3), stored(t, next))
}

// The server's memory of message ids is limited in time: after a longer outage only a look at the stream tells what
// was stored before the acknowledgement got lost.
func TestReconcilesAfterALongOutage(t *testing.T) {
	conf := DefaultConf()
	conf.Duplicates = 100 * time.Millisecond
	b := startBroker(t)
	_, conn := connect(t, b, conf)
	r := newRig(DefaultProducerConf())
	r.attach(conn)
	for _, s := range numbered(0, 10) {
		r.put(outgoing{subject: "syslog.user.info", data: []byte(s)})
	}
	<-r.js.PublishAsyncComplete() // stored; the publisher doesn't know
	for _, e := range r.window.entries {
		e.first = e.first.Add(-time.Hour)
	}
	r.attach(nil)
	for _, s := range numbered(10, 20) {
		r.put(outgoing{subject: "syslog.user.info", data: []byte(s)})
	}
	_, next := connect(t, b, conf)
	r.attach(next)
	assert.EqualValues(t, 10, r.count.found)
	assert.Equal(t, 10, r.window.len())
	r.start()
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 20), stored(t, next))
}

// shortLived is a server whose connections break after so many bytes.
type shortLived struct {
	nats.InProcessConnProvider
	bytes int64
}

func (s shortLived) InProcessConn() (net.Conn, error) {
	conn, err := s.InProcessConnProvider.InProcessConn()
	return &shortLivedConn{conn, io.LimitReader(conn, s.bytes)}, err
}

type shortLivedConn struct {
	net.Conn
	limited io.Reader
}

func (c *shortLivedConn) Read(p []byte) (int, error) { return c.limited.Read(p) }

// Others may have stored so much meanwhile that no connection, and no patience, lasts for all of it.
func TestReconcilesByInstalments(t *testing.T) {
	const foreign = 5000
	conf := DefaultConf()
	conf.Duplicates = 100 * time.Millisecond
	b := startBroker(t)
	_, witness := connect(t, b, conf)
	r := newRig(DefaultProducerConf())
	c, conn := connect(t, b, conf)
	r.attach(conn)
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	<-r.js.PublishAsyncComplete()
	c.Disconnect()
	r.put(outgoing{subject: "syslog.user.info", data: []byte("1")}) // in vain
	for _, e := range r.window.entries {
		e.first = e.first.Add(-time.Hour)
	}
	var last jetstream.PubAckFuture
	for range foreign {
		var err error
		last, err = witness.JetStream.PublishAsync("syslog.user.info", nil)
		require.NoError(t, err)
	}
	<-last.Ok()

	attempts := 0
	for r.conn == nil {
		require.Less(t, attempts, 20)
		attempts++
		floor := r.window.entries[r.window.len()-1].floor // of what is nowhere to be found
		_, conn := connect(t, shortLived{b, foreign / 3 * 200}, conf)
		r.attach(conn)
		assert.Greater(t, r.window.entries[r.window.len()-1].floor, floor)
	}
	assert.Greater(t, attempts, 1)
	assert.EqualValues(t, 1, r.count.found)
	assert.Equal(t, 1, r.window.len())
}

func TestReconcileLooksOnlyWhereItMust(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	r := newRig(DefaultProducerConf())
	r.attach(conn)
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	<-r.js.PublishAsyncComplete()
	_, next := connect(t, b, DefaultConf())
	r.attach(next)
	assert.Zero(t, r.count.found)
	assert.Equal(t, 1, r.window.len(), "left to the server to recognise")
	r.start()
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 1), stored(t, next))
}

func TestReconcileWhereTheMessagesWereRemoved(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, DefaultConf())
	r := newRig(DefaultProducerConf())
	r.attach(conn)
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	<-r.js.PublishAsyncComplete()
	r.window.entries[0].first = time.Time{}.Add(time.Hour)
	require.NoError(t, conn.Stream.Purge(t.Context()))
	_, next := connect(t, b, DefaultConf())
	r.attach(next)
	assert.NotNil(t, r.conn)
	assert.Equal(t, 1, r.window.len())
}

func TestUnflushedNamesTheReason(t *testing.T) {
	r := newRig(DefaultProducerConf())
	r.put(outgoing{subject: "a", data: nil})
	r.fail(nats.ErrConnectionClosed)
	err := r.unflushed("in time")
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
}
