package nats

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
)

const patience = 30 * time.Second // a test that waits longer has failed

// testConf is a configuration with all that has no default.
func testConf() Conf {
	conf := DefaultConf()
	conf.Stream, conf.Subject = "SYSLOG", "syslog"
	return conf
}

// confOf is a configuration factory that knows these two.
func confOf(shared Conf, producer ProducerConf) sputnik.ConfFactory {
	return func(_ string, result any) error {
		switch r := result.(type) {
		case *Conf:
			*r = shared
		case *ProducerConf:
			*r = producer
		}
		return nil
	}
}

func startBroker(t *testing.T) *embedded.Broker {
	t.Helper()
	b, err := embedded.Start(embedded.Conf{Store: t.TempDir()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	return b
}

// connect makes a connection by a connector of its own.
func connect(t *testing.T, inProcess nats.InProcessConnProvider, conf Conf) (*Connector, *Connection) {
	t.Helper()
	c := NewConnector(slog.New(slog.DiscardHandler), inProcess)
	conn, err := c.ConnectContext(t.Context(), confOf(conf, ProducerConf{}))
	require.NoError(t, err)
	t.Cleanup(c.Disconnect)
	return c, conn.(*Connection)
}

// stored returns the payloads in the stream.
func stored(t *testing.T, conn *Connection) []string {
	t.Helper()
	info, err := conn.Stream.Info(t.Context())
	require.NoError(t, err)
	consumer, err := conn.Stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	var all []string
	for range info.State.Msgs {
		msg, err := messages.Next(jetstream.NextMaxWait(patience))
		require.NoError(t, err)
		all = append(all, string(msg.Data()))
	}
	return all
}
