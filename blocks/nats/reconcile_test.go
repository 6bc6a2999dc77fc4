package nats

import (
	"io"
	"net"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The server's memory of message ids is limited in time: after a longer outage only a look at the stream tells what
// was stored before the acknowledgement got lost.
func TestReconcilesAfterALongOutage(t *testing.T) {
	conf := testConf()
	conf.Duplicates = 100 * time.Millisecond
	b := startBroker(t)
	_, conn := connect(t, b, conf)
	r := newRig(DefaultProducerConf())
	r.attach(t.Context(), conn)
	for _, s := range numbered(0, 10) {
		r.put(outgoing{subject: "syslog.user.info", data: []byte(s)})
	}
	<-r.js.PublishAsyncComplete() // stored; the publisher doesn't know
	for _, e := range r.window.entries {
		e.first = e.first.Add(-time.Hour)
	}
	r.attach(t.Context(), nil)
	for _, s := range numbered(10, 20) {
		r.put(outgoing{subject: "syslog.user.info", data: []byte(s)})
	}
	_, next := connect(t, b, conf)
	r.attach(t.Context(), next)
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
	conf := testConf()
	conf.Duplicates = 100 * time.Millisecond
	b := startBroker(t)
	_, witness := connect(t, b, conf)
	r := newRig(DefaultProducerConf())
	c, conn := connect(t, b, conf)
	r.attach(t.Context(), conn)
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
		last, err = witness.JetStream.PublishAsync("syslog.user.info", nil, jetstream.WithStallWait(patience))
		require.NoError(t, err)
	}
	<-last.Ok()

	attempts := 0
	for r.conn == nil {
		require.Less(t, attempts, 20)
		attempts++
		floor := r.window.entries[r.window.len()-1].floor // of what is nowhere to be found
		_, conn := connect(t, shortLived{b, foreign / 3 * 200}, conf)
		r.attach(t.Context(), conn)
		assert.Greater(t, r.window.entries[r.window.len()-1].floor, floor)
	}
	assert.Greater(t, attempts, 1)
	assert.EqualValues(t, 1, r.count.found)
	assert.Equal(t, 1, r.window.len())
}

func TestReconcileLooksOnlyWhereItMust(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.attach(t.Context(), conn)
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	<-r.js.PublishAsyncComplete()
	_, next := connect(t, b, testConf())
	r.attach(t.Context(), next)
	assert.Zero(t, r.count.found)
	assert.Equal(t, 1, r.window.len(), "left to the server to recognise")
	r.start()
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 1), stored(t, next))
}

func TestReconcileWhereTheMessagesWereRemoved(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.attach(t.Context(), conn)
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	<-r.js.PublishAsyncComplete()
	r.window.entries[0].first = time.Time{}.Add(time.Hour)
	require.NoError(t, conn.Stream.Purge(t.Context()))
	_, next := connect(t, b, testConf())
	r.attach(t.Context(), next)
	assert.NotNil(t, r.conn)
	assert.Equal(t, 1, r.window.len())
}

// A stream that is made anew begins at 1, below all that was known of the old one.
func TestReconcilesInAStreamMadeAnew(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.put(outgoing{subject: "syslog.user.info", data: []byte("0")})
	e := r.window.entries[0]
	e.first, e.floor = time.Now(), 1000 // published to the old one
	r.attach(t.Context(), conn)
	<-r.js.PublishAsyncComplete() // stored; the publisher doesn't know
	e.first = e.first.Add(-time.Hour)
	_, next := connect(t, b, testConf())
	r.attach(t.Context(), next)
	assert.EqualValues(t, 1, r.count.found)
}

// While this machine is suspended, its monotonic clock stands still, and the server forgets ids.
func TestSinceKnowsOfSuspension(t *testing.T) {
	slept := time.Now().Add(-time.Hour)
	monotonic := (*int64)(unsafe.Add(unsafe.Pointer(&slept), unsafe.Sizeof(uint64(0)))) // time.Time.ext
	*monotonic += int64(time.Hour)
	require.Less(t, time.Since(slept), time.Minute)
	assert.GreaterOrEqual(t, since(slept), time.Hour)
	assert.GreaterOrEqual(t, since(time.Now().Add(-time.Hour)), time.Hour)
}

// A consumer may be at a replica that hasn't caught up. What it doesn't have is not removed for that.
func TestRemovedIsToldFromLag(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	for range 5 {
		publish(t, conn, "x")
	}
	_, seen, err := conn.storedIDs(t.Context(), 1, 9, map[string]bool{"x": true})
	require.ErrorContains(t, err, "lags behind")
	require.EqualValues(t, 5, seen)
	_, seen, err = conn.storedIDs(t.Context(), 6, 9, map[string]bool{"x": true})
	require.ErrorContains(t, err, "lags behind")
	require.EqualValues(t, 5, seen)
	require.ErrorContains(t, conn.removed(t.Context(), 1, 5), "lags behind")
	for _, sequence := range []uint64{3, 4} {
		require.NoError(t, conn.Stream.DeleteMsg(t.Context(), sequence))
	}
	require.NoError(t, conn.removed(t.Context(), 3, 4))
	require.ErrorContains(t, conn.removed(t.Context(), 3, 5), "lags behind")
	require.ErrorContains(t, conn.removed(t.Context(), 2, 4), "lags behind")
	require.NoError(t, conn.Stream.Purge(t.Context()))
	require.NoError(t, conn.removed(t.Context(), 1, 5))
}
