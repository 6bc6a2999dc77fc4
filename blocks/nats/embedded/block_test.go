package embedded

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// anew gives each instance a store of its own.
func anew(t *testing.T) sputnik.ConfFactory {
	return func(name string, result any) error {
		if conf, ok := result.(*Conf); ok {
			conf.Store = t.TempDir()
		}
		return nil
	}
}

func TestBlockConforms(t *testing.T) {
	sputniktest.Block(t, func() *sputnik.Block { return NewBlock(discard()) },
		sputniktest.WithConf(anew(t)), sputniktest.WithRealTime())
}

func TestInProcessFromInitToFinish(t *testing.T) {
	s := New(discard())
	_, err := s.InProcessConn()
	require.ErrorIs(t, err, errNotRunning)
	f := sputniktest.New(t, sputnik.WithConfFactory(anew(t))).Add(Name, s.NewBlock)
	require.NoError(t, f.Prepare())
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.NoReconnect())
	require.NoError(t, err)
	f.ShootDown()
	require.NoError(t, f.Wait())
	assert.True(t, nc.IsConnected(), "it is for the client to end it")
	require.NoError(t, nc.Publish("x", nil))
	nc.Close()
	_, err = s.InProcessConn()
	require.ErrorIs(t, err, errNotRunning)
}

// A client that is about to log in, so with a deadline, learns that the broker has ended. It gave up at no other time.
func TestLoginEndsWithTheBroker(t *testing.T) {
	s := New(discard())
	f := sputniktest.New(t, sputnik.WithConfFactory(anew(t))).Add(Name, s.NewBlock)
	require.NoError(t, f.Prepare())
	conn, err := s.InProcessConn()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = conn.Read(make([]byte, 4096)) // INFO
	require.NoError(t, err)
	f.ShootDown()
	require.NoError(t, f.Wait())
	told := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		told <- err
	}()
	select {
	case err := <-told:
		assert.NoError(t, err, "it ended, and not by the deadline")
	case <-time.After(10 * time.Second):
		assert.Fail(t, "it waits for a broker that is gone")
	}
}

func TestOneBrokerForOneServer(t *testing.T) {
	s, store := New(discard()), t.TempDir()
	f := sputniktest.New(t, sputnik.WithConfFactory(func(_ string, result any) error {
		if conf, ok := result.(*Conf); ok {
			conf.Store = store
		}
		return nil
	})).Add(Name, s.NewBlock).Add("second", s.NewBlock)
	require.ErrorContains(t, f.Prepare(), "list nats.embedded once")
}

func TestListedFirst(t *testing.T) {
	f := sputniktest.New(t, sputnik.WithConfFactory(anew(t))).
		Add("nats.other", new(sputniktest.Recorder).Factory).
		Add(Name, func() *sputnik.Block { return NewBlock(discard()) }).
		Launch()
	require.ErrorContains(t, f.Wait(), "list nats.embedded first")
}

func TestBadConfStopsInit(t *testing.T) {
	f := sputniktest.New(t, sputnik.WithConfFactory(sputniktest.Conf(t, map[string]string{Name: "listen: 0.0.0.0:4222"}))).
		Add(Name, func() *sputnik.Block { return NewBlock(discard()) })
	require.ErrorContains(t, f.Prepare(), `key "listen": "0.0.0.0:4222" can be reached from other machines`)
}
