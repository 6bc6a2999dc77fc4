package sputniktest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestServerScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t)
		f := New(t, sputnik.WithConnector(s, time.Second), sputnik.WithConnectTimeout(time.Minute)).
			Add("r", new(Recorder).Linked).Launch().Ready()
		began := time.Now()
		s.Break()
		lost := Await[sputnik.ConnectionLost](f)
		assert.ErrorIs(t, lost.Err, ErrBroken)
		assert.Zero(t, lost.Time.Sub(began), "pushed, not found by a heartbeat")
		Await(f, func(e sputnik.Connected) bool { return e.Time.After(began) || e.Attempt == 2 })

		s.Down()
		failed := Await[sputnik.ConnectFailed](f)
		assert.ErrorIs(t, failed.Err, ErrDown)
		s.Refuse(errBad)
		assert.ErrorIs(t, Await(f, func(e sputnik.ConnectFailed) bool { return e.Err != ErrDown }).Err, errBad) //nolint:errorlint // this very one
		s.Up()
		synctest.Wait()
		time.Sleep(time.Minute)
		conn, ok := s.Connected()
		require.True(t, ok)
		assert.Equal(t, &Conn{3}, conn)
		assert.Greater(t, s.Attempts(), 4)

		s.Hang()
		stalled := Await[sputnik.ConnectorStalled](f)
		assert.Equal(t, "IsConnected", stalled.Call)
		s.Up()
		s.Slow(2 * time.Minute)
		Await(f, func(e sputnik.ConnectorStalled) bool { return e.Time.After(stalled.Time) })
		s.Up()
		require.NoError(t, f.Stop())
		_, ok = s.Connected()
		assert.False(t, ok)
	})
}

func TestServerFadesWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t)
		f := New(t, sputnik.WithConnector(s, time.Second)).Add("r", new(Recorder).Factory).Launch().Ready()
		began := time.Now()
		s.Fade()
		assert.Equal(t, time.Second, Await[sputnik.ConnectionLost](f).Time.Sub(began), "by the heartbeat")
		require.NoError(t, f.Stop())
	})
}

func TestHangingConnectObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t)
		s.Hang()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.ConnectContext(ctx, NoConf)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

type closer struct{ closed bool }

func (c *closer) Close() error { c.closed = true; return nil }

func TestServerServes(t *testing.T) {
	c := new(closer)
	s := NewServer(t).Serve(func(int) sputnik.ServerConnection { return c })
	conn, err := s.Connect(NoConf)
	require.NoError(t, err)
	assert.Same(t, c, conn)
	s.Disconnect()
	assert.True(t, c.closed)
}

func TestServerReportsMisuse(t *testing.T) {
	connect := func(s *Server) { _, _ = s.Connect(NoConf) }
	for says, misuse := range map[string]func(s *Server){
		"Connect while connected":          func(s *Server) { connect(s); connect(s); s.Disconnect() },
		"Disconnect without a connection":  func(s *Server) { s.Disconnect() },
		"IsConnected without a connection": func(s *Server) { s.IsConnected() },
		"never disconnected":               connect,
		"Connect while Connect is in progress": func(s *Server) {
			s.Slow(time.Second)
			go connect(s)
			synctest.Wait()
			connect(s)
			time.Sleep(time.Hour)
			s.Disconnect()
		},
		"IsConnected while IsConnected is in pro": func(s *Server) {
			connect(s)
			s.Slow(time.Second)
			go s.IsConnected()
			synctest.Wait()
			s.IsConnected()
			s.Disconnect()
		},
	} {
		t.Run(says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failures := during(t, func(tb testing.TB) { misuse(NewServer(tb)) })
				require.NotEmpty(t, failures)
				assert.Contains(t, failures[0], says)
			})
		})
	}
}
