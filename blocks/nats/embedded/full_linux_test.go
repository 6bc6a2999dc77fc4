package embedded

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/internal/testkit"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// Those who come by the listener needn't do anything about it.
func TestBlockRecoversFromAFullDisk(t *testing.T) {
	conf := DefaultConf()
	conf.Store, conf.Listen = t.TempDir(), "127.0.0.1:0"
	s := New(discard())
	f := sputniktest.New(t, sputnik.WithConfFactory(func(_ string, result any) error {
		if own, ok := result.(*Conf); ok {
			*own = conf
		}
		return nil
	})).NoLeakCheck().Add(Name, s.NewBlock).Launch()
	nc, err := nats.Connect(s.broker.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(200*time.Millisecond))
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	publish := func() error {
		_, err := js.Publish(t.Context(), "s", make([]byte, 100<<10), jetstream.WithRetryAttempts(0))
		return err
	}
	lift := testkit.LimitFiles(t, 1<<20)
	for publish() == nil {
	}
	lift()
	for began := time.Now(); publish() != nil; {
		require.Less(t, time.Since(began), 20*time.Second)
	}
	require.NoError(t, f.Stop())
}

func TestRecoversFromAFullDisk(t *testing.T) {
	b := start(t, Conf{Store: t.TempDir(), Listen: "127.0.0.1:0"})
	js := connect(t, b)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	lift := testkit.LimitFiles(t, 1<<19)
	payload := make([]byte, 100<<10)
	acknowledged := uint64(0)
	for failed := 0; failed < 2; { // the second one on a server that knows
		if _, err := js.Publish(t.Context(), "s", payload, jetstream.WithRetryAttempts(0)); err == nil {
			acknowledged++
		} else {
			failed++
		}
	}
	url, limit := b.ClientURL(), b.server.JetStreamConfig().MaxStore
	_, err = b.InProcessConn()
	require.ErrorContains(t, err, "store "+b.opts.StoreDir+": write ")
	require.ErrorContains(t, err, "file too large")
	reading, err := js.Stream(t.Context(), "S")
	require.NoError(t, err, "who reads can go on")
	_, err = reading.GetMsg(t.Context(), 1)
	require.NoError(t, err)

	lift()
	js = connect(t, b)
	_, err = js.Publish(t.Context(), "s", payload)
	require.NoError(t, err)
	s, err := js.Stream(t.Context(), "S")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, s.CachedInfo().State.Msgs, acknowledged+1)
	assert.Equal(t, url, b.ClientURL())
	assert.Equal(t, limit, b.server.JetStreamConfig().MaxStore)
	require.NoError(t, b.Stop())
	_, err = b.InProcessConn()
	require.ErrorIs(t, err, context.Canceled)
}
