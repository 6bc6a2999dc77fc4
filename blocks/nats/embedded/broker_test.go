package embedded

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, conf Conf) *Broker {
	t.Helper()
	b, err := Start(conf, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b
}

func TestKeepsItsMessages(t *testing.T) {
	for _, policy := range []string{SyncInterval, SyncAlways} {
		conf := Conf{Store: filepath.Join(t.TempDir(), "made"), Sync: policy}
		for seq := range uint64(2) {
			b := start(t, conf)
			nc, err := nats.Connect("", nats.InProcessServer(b))
			require.NoError(t, err)
			js, err := jetstream.New(nc)
			require.NoError(t, err)
			_, err = js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
			require.NoError(t, err)
			ack, err := js.Publish(t.Context(), "s", nil)
			require.NoError(t, err)
			assert.Equal(t, seq+1, ack.Sequence)
			nc.Close()
			require.NoError(t, b.Stop())
		}
	}
}

func TestListensOnlyWhereTold(t *testing.T) {
	b := start(t, Conf{Store: t.TempDir()})
	_, err := nats.Connect(b.ClientURL(), nats.Name("nobody"))
	require.Error(t, err)
	require.NoError(t, b.Stop())

	b = start(t, Conf{Store: t.TempDir(), Listen: "127.0.0.1:0"})
	nc, err := nats.Connect(b.ClientURL())
	require.NoError(t, err)
	nc.Close()
	require.NoError(t, b.Stop())
}

func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "jetstream"), nil, 0o600))

	cases := map[string]struct {
		conf Conf
		want string
	}{
		"port taken":        {Conf{Store: t.TempDir(), Listen: taken.Addr().String()}, "address already in use"},
		"no port":           {Conf{Store: t.TempDir(), Listen: "127.0.0.1:x"}, `"127.0.0.1:x" is not an address`},
		"open to all":       {Conf{Store: t.TempDir(), Listen: "0.0.0.0:0"}, "can be reached from other machines"},
		"store is a file":   {Conf{Store: file}, "not a directory"},
		"store is unusable": {Conf{Store: broken}, "Can't start JetStream"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Start(c.conf, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestStoreIsForOne(t *testing.T) {
	conf := Conf{Store: t.TempDir()}
	b := start(t, conf)
	_, err := Start(conf, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "in use by another process")
	require.NoError(t, b.Stop())
	require.NoError(t, start(t, conf).Stop())

	f, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	if err := lock(f); err != nil { // there are systems without locks
		require.ErrorContains(t, err, "flock: ", "it isn't in use")
	}
}

// A restart that failed is tried again, and is no obstacle to Stop.
func TestRestartThatFails(t *testing.T) {
	b := start(t, Conf{Store: t.TempDir()})
	b.shutdown()
	good, file := b.opts.StoreDir, filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	b.opts.StoreDir = file
	_, err := b.InProcessConn()
	require.Error(t, err)
	b.opts.StoreDir = good
	connect(t, b)
	b.shutdown()
	b.opts.StoreDir = file
	_, err = b.InProcessConn()
	require.Error(t, err)
	require.NoError(t, b.Stop())
}

// nats-server does so where it lacks permission to write.
func TestRecoversFromJetStreamSwitchedOff(t *testing.T) {
	b := start(t, Conf{Store: t.TempDir()})
	require.NoError(t, b.server.ShutdownJetStream())
	js := connect(t, b)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	require.NoError(t, b.Stop())
}

// The connector may be about to connect again when the broker is stopped.
func TestStopDuringReconnect(t *testing.T) {
	b := start(t, Conf{Store: t.TempDir()})
	begun := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		close(begun)
		for {
			conn, err := b.InProcessConn()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	<-begun
	require.NoError(t, b.Stop())
	<-ended
}

func connect(t *testing.T, b *Broker) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(b), nats.NoReconnect())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(500*time.Millisecond))
	require.NoError(t, err)
	return js
}
