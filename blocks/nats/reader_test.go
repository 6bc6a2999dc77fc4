package nats

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// delivered is what a consumer delivers: messages with these numbers of its own.
type delivered struct {
	jetstream.MessagesContext
	numbers []uint64
}

func (d *delivered) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	n := d.numbers[0]
	d.numbers = d.numbers[1:]
	return numberedMsg{number: n}, nil
}

type numberedMsg struct {
	jetstream.Msg
	number uint64
}

func (m numberedMsg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: m.number, Stream: 10 * m.number}}, nil
}

// What is missing on the way could be what a look-up is for.
func TestReaderNoticesAGap(t *testing.T) {
	r := &reader{MessagesContext: &delivered{numbers: []uint64{1, 2, 4}}}
	for range 2 {
		_, _, err := r.next()
		require.NoError(t, err)
	}
	_, _, err := r.next()
	require.EqualError(t, err, "messages before sequence 40 got lost on the way")
}

// An ordered consumer of nats.go would make itself anew, and where the stream is gone, too, try to for ever.
func TestTailTellsThatItsConsumerIsDeleted(t *testing.T) {
	b := startBroker(t)
	_, witness := connect(t, b, testConf())
	_, conn := connect(t, b, testConf())
	read, write := io.Pipe()
	links, finish, ended := startTail(t, write)
	links <- conn
	publish(t, witness, "it reads")
	_, err := read.Read(make([]byte, 100))
	require.NoError(t, err)
	for name := range witness.Stream.ConsumerNames(t.Context()).Name() {
		require.NoError(t, witness.Stream.DeleteConsumer(t.Context(), name))
	}
	select {
	case err := <-conn.broken:
		require.ErrorIs(t, err, jetstream.ErrConsumerDeleted)
	case <-time.After(patience):
		assert.Fail(t, "not a word")
	}
	finish()
	require.NoError(t, <-ended)
}

// At the finish, a server that doesn't answer may cost no more than the time there is.
func TestLookUpEndsWithTheTimeToFlush(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	r := newRig(DefaultProducerConf())
	r.put(outgoing{subject: "syslog.x", data: []byte("0")})
	r.window.entries[0].first = time.Now().Add(-time.Hour)
	publish(t, conn, "somebody else's")
	_, conn = connect(t, b, testConf())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.attach(ctx, conn)
	require.ErrorIs(t, <-conn.broken, context.Canceled)
}
