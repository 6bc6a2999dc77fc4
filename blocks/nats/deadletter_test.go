package nats

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const deadSubject = "syslog.dead"

func withDeadLetters() ProducerConf {
	conf := DefaultProducerConf()
	conf.DeadLetter = deadSubject
	return conf
}

// narrow makes the stream refuse what is larger than so many bytes.
func narrow(t *testing.T, conn *Connection, bytes int32) {
	t.Helper()
	cfg := conn.Info.Config
	cfg.MaxMsgSize = bytes
	_, err := conn.JetStream.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
}

func TestDeadLettersAreStoredAndSayWhy(t *testing.T) {
	b := startBroker(t)
	_, old := connect(t, b, testConf())
	narrow(t, old, 1000)
	cases := map[string]struct {
		out    outgoing
		reason string
		cut    bool
	}{
		"by the stream":  {outgoing{subject: "syslog.x", data: []byte(strings.Repeat("x", 2000))}, "message size exceeds maximum", true},
		"by the client":  {outgoing{subject: "syslog.x", data: make([]byte, 2<<20)}, "maximum payload exceeded", true},
		"by ourselves":   {outgoing{subject: "syslog.a b", data: []byte("x"), refused: errors.New("not\r\na subject")}, "not  a subject", false},
		"and is too big": {outgoing{subject: "syslog.a b", data: make([]byte, 2000), refused: errors.New("not a subject")}, "not a subject", true},
	}
	for name, c := range cases {
		for _, known := range []bool{true, false} { // whether the stream's limit is
			t.Run(name, func(t *testing.T) {
				_, conn := connect(t, b, testConf())
				if !known {
					conn.Info.Config.MaxMsgSize = -1
				}
				require.NoError(t, conn.Stream.Purge(t.Context()))
				r := newRig(withDeadLetters())
				r.start()
				r.links <- conn
				var done outcomes
				out := c.out
				out.done = done.of("it")
				r.put(out)
				require.NoError(t, r.finish())
				assert.Equal(t, map[string]error{"it": nil}, done.wait(t))
				all := letters(t, conn, deadSubject)
				require.Len(t, all, 1)
				h := all[0].Headers()
				assert.Contains(t, h.Get(HeaderError), c.reason)
				assert.Equal(t, out.subject, h.Get(HeaderSubject))
				assert.Equal(t, c.cut, h.Get(HeaderTruncated) != "")
				assert.True(t, strings.HasPrefix(string(out.data), string(all[0].Data())))
				if c.cut {
					assert.Greater(t, len(all[0].Data()), 200, "as much as fits, or half of it")
				}
				count := r.counters()
				assert.EqualValues(t, 1, count["dead_lettered"])
				assert.Zero(t, count["refused"])
			})
		}
	}
}

func TestNoRoomForADeadLetter(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	narrow(t, conn, 10)
	r := newRig(withDeadLetters())
	r.start()
	r.links <- conn
	var done outcomes
	r.put(outgoing{subject: "syslog.x", data: make([]byte, 2000), done: done.of("it")})
	require.NoError(t, r.finish())
	require.Error(t, done.wait(t)["it"])
	assert.EqualValues(t, 1, r.counters()["refused"])
}

func TestWithoutDeadLettersARefusalIsAnError(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	var done outcomes
	r.put(outgoing{subject: "syslog.x", data: make([]byte, 2<<20), done: done.of("large")})
	r.put(outgoing{subject: "syslog.x", data: nil, done: done.of("good")})
	require.NoError(t, r.finish())
	ends := done.wait(t)
	require.ErrorContains(t, ends["large"], "maximum payload exceeded")
	require.NoError(t, ends["good"])
}

func TestDeadLettersInAnotherStream(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	narrow(t, conn, 1000)
	conf := DefaultProducerConf()
	conf.DeadLetter = "graveyard.syslog"
	r := newRig(conf)
	r.start()
	r.links <- conn
	require.ErrorContains(t, <-conn.broken, `dead_letter of nats.producer: no stream takes the subject "graveyard.syslog"`)
	other, err := conn.JetStream.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"graveyard.>"}})
	require.NoError(t, err)
	_, next := connect(t, b, testConf())
	r.links <- next
	var done outcomes
	for _, size := range []int{10, 2000, 10, 2000, 10} {
		r.put(outgoing{subject: "syslog.x", data: make([]byte, size), done: done.of(strings.Repeat("x", size))})
	}
	done.wg.Wait()
	require.NoError(t, r.finish())
	info, err := other.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 2, info.State.Msgs)
	assert.Len(t, stored(t, conn), 3)
}

func TestDoneAtTheFinishForWhatIsLeft(t *testing.T) {
	conf := DefaultProducerConf()
	conf.FlushTimeout = time.Millisecond
	r := newRig(conf)
	r.start()
	var done outcomes
	for _, name := range numbered(0, 100) {
		r.put(outgoing{subject: "syslog.x", data: []byte(name), done: done.of(name)})
	}
	want := r.finish()
	require.Error(t, want)
	r.put(outgoing{subject: "syslog.x", done: done.of("late")})
	ends := done.wait(t)
	require.Len(t, ends, 101)
	for name, err := range ends {
		require.Equal(t, want, err, name)
	}
	assert.EqualValues(t, 101, r.counters()["given_up"])
}

// A done that panics is its block's affair, the other messages have a right to theirs.
func TestDoneIsCalledAlsoWhereAnotherPanics(t *testing.T) {
	var done outcomes
	endings := []ending{{done.of("1"), nil}, {func(error) { panic("bad") }, nil}, {done.of("2"), nil}}
	assert.PanicsWithValue(t, "bad", func() { tell(endings) })
	assert.Len(t, done.wait(t), 2)
}

// A done may do what needs the producer.
func TestDoneIsCalledOutsideOfTheLock(t *testing.T) {
	_, conn := connect(t, startBroker(t), testConf())
	r := newRig(DefaultProducerConf())
	r.start()
	r.links <- conn
	counted := make(chan uint64, 1)
	r.put(outgoing{subject: "syslog.x", done: func(error) { counted <- r.counters()["acknowledged"] }})
	assert.EqualValues(t, 1, <-counted)
	require.NoError(t, r.finish())
}
