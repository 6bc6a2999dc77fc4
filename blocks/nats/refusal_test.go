package nats

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
)

func TestRefusedForGood(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
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

// The limit of the store removes nothing, other than that of the stream.
func TestStoreIsFull(t *testing.T) {
	b, err := embedded.Start(embedded.Conf{Store: t.TempDir(), StoreMaxBytes: 4096}, discard())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	_, conn := connect(t, b, testConf())
	conf := DefaultProducerConf()
	conf.FlushTimeout = 10 * time.Millisecond
	r := newRig(conf)
	r.start()
	r.links <- conn
	for range 3 {
		r.put(outgoing{subject: "syslog.user.info", data: make([]byte, 4096)})
	}
	require.ErrorContains(t, <-conn.broken, "its server's store is full")
	require.ErrorContains(t, r.finish(), "not acknowledged within 10ms")
}

func TestRefusedForNow(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
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
	_, next := connect(t, b, testConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 3), stored(t, conn))
}

// The pause after a refusal grows beyond the time to flush. What the stream would take by then is not given up.
func TestFlushEndsThePauseAfterARefusal(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	cfg := conn.Info.Config
	cfg.MaxMsgs, cfg.Discard = 1, jetstream.DiscardNew
	_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	publish(t, conn, "full")
	r := newRig(DefaultProducerConf())
	r.pause = time.Hour
	r.attach(t.Context(), conn)
	r.send(0, 3)
	<-r.js.PublishAsyncComplete()
	r.locked(func() { r.take(r.acks.take()) })
	require.NotNil(t, r.giveUp)

	cfg.MaxMsgs = 10
	_, err = conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	close(r.done)
	r.start()
	require.ErrorContains(t, <-conn.broken, "refused by the stream")
	_, next := connect(t, b, testConf())
	r.links <- next
	require.NoError(t, <-r.ended)
	assert.Equal(t, append([]string{"full"}, numbered(0, 3)...), stored(t, next))
}

// What a stream refuses for a reason that may pass is not given up.
func TestSealedUnderway(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
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
	require.ErrorContains(t, r.finish(), "3 messages not acknowledged within 10ms: refused by the stream")
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

// Who waits for the end learns that it is of no use to send the message again; what is left at the finish may be sent again.
func TestARefusalForGoodIsPermanent(t *testing.T) {
	var ends []error
	r := newRig(DefaultProducerConf())
	r.invalid(outgoing{done: func(err error) { ends = append(ends, err) }}, errors.New("no payload"))
	require.Len(t, ends, 1)
	require.EqualError(t, ends[0], "refused for good: no payload")
	var permanent interface{ Permanent() bool }
	require.ErrorAs(t, ends[0], &permanent)
	require.True(t, permanent.Permanent())
}

// The stream's subjects are changed: nobody takes the messages, until they are changed back.
func TestSubjectsChangedUnderway(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
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
	_, next := connect(t, b, testConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 6), stored(t, conn))
}

// An acknowledgement of another stream, such as that of a hub, is none.
func TestAcknowledgedByTheWrongStream(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	conf := DefaultProducerConf()
	conf.FlushTimeout = time.Millisecond
	r := newRig(conf)
	r.stream = "OTHER"
	r.start()
	r.links <- conn
	r.send(0, 1)
	require.ErrorContains(t, <-conn.broken, `stream SYSLOG (domain "") has taken a message for stream OTHER`)
	require.ErrorContains(t, r.finish(), "1 message not acknowledged")
}

// A server that doesn't answer is given up, also while it keeps the connection.
func TestNoAcknowledgementInTime(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.ackTimeout = 50 * time.Millisecond
	r.attach(t.Context(), conn)
	r.js.CleanupPublisher() // forgets what it has published; what comes now is lost, too
	r.put(outgoing{subject: "syslog.x", data: []byte("0")})
	r.acks = newAcks()
	r.start()
	require.ErrorContains(t, <-conn.broken, "no acknowledgement within 50ms")
	_, next := connect(t, b, testConf())
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 1), stored(t, next))
}

// denying is a server whose user u, with the password p, may not publish there.
func denying(subject string) *server.Options {
	return &server.Options{Users: []*server.User{{
		Username: "u", Password: "p",
		Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{subject}}},
	}}}
}

// In a cluster, an id that comes again while it is being stored is refused for that moment: no reason to give up the connection.
func TestAnIDThatIsBeingStored(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	r := newRig(DefaultProducerConf())
	r.attach(t.Context(), conn)
	r.put(outgoing{subject: "syslog.x", data: []byte("0")})
	results := func() []result {
		<-r.js.PublishAsyncComplete()
		return r.acks.take()
	}
	e := r.window.entries[0]
	refused := func() {
		r.take([]result{{msg: &e.msg, err: &jetstream.APIError{ErrorCode: 10158}}})
		require.True(t, r.usable())
	}
	results()
	refused()
	r.repeat()
	r.repeat() // there is nothing more to repeat
	r.take(results())
	assert.Zero(t, r.window.len())
	assert.EqualValues(t, 1, r.count.repeated)
	assert.EqualValues(t, 1, r.count.duplicates)

	r.put(outgoing{subject: "syslog.x", data: []byte("1")})
	e = r.window.entries[0]
	results()
	e.sent = e.sent.Add(-time.Hour)
	refused()
	r.repeat()
	r.overdue()
	require.ErrorContains(t, <-conn.broken, "no acknowledgement within", "not for ever")
}

func TestMissingPermissionIsTold(t *testing.T) {
	s := runServer(t, denying("syslog.>"))
	conf := confFor(s)
	conf.User, conf.Password = "u", "p"
	_, conn := connect(t, nil, conf)
	producer := DefaultProducerConf()
	producer.FlushTimeout = time.Millisecond
	r := newRig(producer)
	r.ackTimeout = 100 * time.Millisecond
	r.start()
	r.links <- conn
	r.send(0, 1)
	require.ErrorIs(t, <-conn.broken, nats.ErrPermissionViolation)
	require.ErrorContains(t, r.finish(), "1 message not acknowledged")
}

func TestStreamDeletedUnderway(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	require.NoError(t, conn.JetStream.DeleteStream(t.Context(), "SYSLOG"))
	r.send(0, 3)
	require.ErrorIs(t, <-conn.broken, jetstream.ErrNoStreamResponse)
	c := NewConnector(slog.New(slog.DiscardHandler), b)
	defer c.Disconnect()
	again, err := c.Connect(confOf(testConf(), ProducerConf{})) // makes the stream anew
	for tries := 0; err != nil && tries < 100; tries++ {        // the server may still be removing the old one's files
		again, err = c.Connect(confOf(testConf(), ProducerConf{}))
	}
	require.NoError(t, err)
	next := again.(*Connection)
	r.links <- next
	require.NoError(t, r.finish())
	assert.Equal(t, numbered(0, 3), stored(t, next))
}
