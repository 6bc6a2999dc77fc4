package sputniktest

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// both runs a test in a bubble and in real time.
func both(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, test) })
	t.Run("real time", test)
}

func TestFlightLaunchesAndStops(t *testing.T) {
	both(t, func(t *testing.T) {
		var r Recorder
		f := New(t, sputnik.WithConnector(NewServer(t), time.Second)).Add("r", r.Linked).Launch().Ready()
		assert.Equal(t, sputnik.StateRunning, f.Block("r").State)
		assert.True(t, f.Send("r", sputnik.Msg{"n": 1}))
		assert.Equal(t, 1, r.AwaitMessages(t, 1)[0]["n"])
		assert.Equal(t, &Conn{1}, r.Await(t, "OnServerConnect", 1).Connection)
		require.NoError(t, f.Stop())
		assert.False(t, f.Send("r", sputnik.Msg{}))
		callbacks := r.Callbacks()
		assert.Equal(t, []string{"Init", "Attach", "Run"}, callbacks[:3])
		assert.ElementsMatch(t, []string{"OnServerConnect", "OnMsg"}, callbacks[3:5])
		assert.Equal(t, []string{"Finish"}, callbacks[5:], "the connection is up until the end")
		assert.Len(t, Events[sputnik.Connected](f), 1)
		assert.IsType(t, sputnik.ProcessFinished{}, Events[sputnik.Event](f)[len(Events[sputnik.Event](f))-1])
		assert.ErrorIs(t, f.Status().Cause, sputnik.ErrShootDown)
	})
}

func TestFlightBySignals(t *testing.T) {
	both(t, func(t *testing.T) {
		f := New(t).Add("r", new(Recorder).Factory).Launch()
		f.Signals.Interrupt()
		require.NoError(t, f.Wait())
		_, ok := errors.AsType[*sputnik.SignalError](f.Status().Cause)
		assert.True(t, ok)
	})
}

// slow is a block whose Run needs so long to end, unless it is hurried.
func slow(d time.Duration) sputnik.BlockFactory {
	return with(sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
		<-ctx.Done()
		select {
		case <-time.After(d):
		case <-sputnik.FlushContext(ctx).Done():
		}
		return nil
	}))
}

func TestKillForces(t *testing.T) {
	both(t, func(t *testing.T) {
		f := New(t).Add("slow", slow(time.Hour)).Launch()
		require.ErrorIs(t, f.Kill(), sputnik.ErrForced)
	})
}

func TestKillOfAQuickProcessIsOneSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, New(t).Add("r", new(Recorder).Factory).Launch().Kill())
	})
}

func TestAwaitTakesEventsOfThePast(t *testing.T) {
	both(t, func(t *testing.T) {
		f := New(t).Add("r", new(Recorder).Factory).Launch()
		e := Await(f, func(e sputnik.BlockInitialised) bool { return e.Block.Responsibility == "r" })
		assert.Equal(t, "r", e.Block.Name)
		require.NoError(t, f.Stop())
	})
}

func TestPrepareFails(t *testing.T) {
	both(t, func(t *testing.T) {
		f := New(t).Add("a", new(Recorder).Factory).Add("b", with(sputnik.WithInit(func(cf sputnik.ConfFactory) error {
			return cf("b", new(int))
		})))
		err := f.Prepare()
		require.ErrorIs(t, err, fs.ErrNotExist, "no configuration by default")
		init, ok := errors.AsType[*sputnik.InitError](err)
		require.True(t, ok)
		assert.Equal(t, 3, init.Position, "after the finisher and a: the harness is behind")
		assert.NoError(t, f.Wait())
	})
}

func TestConf(t *testing.T) {
	var conf struct{ Every time.Duration }
	cf := Conf(t, map[string]string{"ticker": "every: 2s"})
	require.NoError(t, cf("ticker", &conf))
	assert.Equal(t, 2*time.Second, conf.Every)
	require.ErrorIs(t, cf("other", &conf), fs.ErrNotExist)
	require.Error(t, cf("ticker", new(struct{ Other int })), "as strict as the real one")
}

func TestForgottenFlightIsShotDown(t *testing.T) {
	both(t, func(t *testing.T) {
		var r Recorder
		assert.Empty(t, during(t, func(tb testing.TB) { New(tb).Add("r", r.Factory).Launch() }))
		assert.Equal(t, []string{"Init", "Attach", "Run", "Finish"}, r.Callbacks())
	})
}

func TestPreparedFlightIsShotDown(t *testing.T) {
	both(t, func(t *testing.T) {
		var r Recorder
		assert.Empty(t, during(t, func(tb testing.TB) { assert.NoError(t, New(tb).Add("r", r.Factory).Prepare()) }))
		assert.Equal(t, []string{"Init", "Attach", "Finish"}, r.Callbacks())
	})
}

func TestUnseenErrorFailsTheTest(t *testing.T) {
	both(t, func(t *testing.T) {
		crash := with(sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBad }))
		failures := during(t, func(tb testing.TB) { New(tb).Add("crash", crash).Launch() })
		require.Len(t, failures, 1)
		assert.Contains(t, failures[0], "nobody has looked")
		assert.Empty(t, during(t, func(tb testing.TB) {
			assert.ErrorIs(t, New(tb).Add("crash", crash).Launch().Wait(), errBad)
		}))
	})
}

func TestLeakFailsTheTest(t *testing.T) {
	quit := make(chan struct{})
	leaky := with(sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		go func() { <-quit }()
		return untilDone(ctx, bc)
	}))
	failures := during(t, func(tb testing.TB) { New(tb).Add("leaky", leaky).Launch() })
	require.Len(t, failures, 1)
	assert.Contains(t, failures[0], "TestLeakFailsTheTest")
	assert.Empty(t, during(t, func(tb testing.TB) { New(tb).NoLeakCheck().Add("leaky", leaky).Launch() }))
	close(quit)
}

// Waits that come to nothing end the test, and say what there was instead.
func TestWaitsEndTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		test func(tb testing.TB)
	}{
		"the event does not come": {
			"waited for sputnik.ReadyChanged: it did not happen in time (1m0s); the last events were",
			func(tb testing.TB) {
				s := NewServer(tb)
				s.Down()
				New(tb, sputnik.WithConnector(s, time.Second)).Add("r", new(Recorder).Factory).Within(time.Minute).Launch().Ready()
			},
		},
		"the process ends before": {
			"the process has ended (cause: signal terminated, error: <nil>)",
			func(tb testing.TB) {
				f := New(tb).Add("r", new(Recorder).Factory).Launch()
				f.Signals.Terminate()
				Await[sputnik.Connected](f)
			},
		},
		"the process does not end": {
			"still flies after 1s",
			func(tb testing.TB) { New(tb).Add("slow", slow(5*time.Second)).Within(time.Second).Launch().Stop() }, //nolint:errcheck // it doesn't return
		},
		"it can't be prepared": {
			"prepare: set-up",
			func(tb testing.TB) { New(tb).Add("r", nil).Launch() },
		},
		"no such block to look at": {
			`no block "x"`,
			func(tb testing.TB) { New(tb).Add("r", new(Recorder).Factory).Launch().Block("x") },
		},
		"no such block to send to": {
			`no block "x"`,
			func(tb testing.TB) { New(tb).Add("r", new(Recorder).Factory).Launch().Send("x", sputnik.Msg{}) },
		},
		"a send too early": {
			"before Prepare",
			func(tb testing.TB) { New(tb).Send("x", sputnik.Msg{}) },
		},
		"a communicator too early": {
			"before Prepare",
			func(tb testing.TB) { New(tb).Communicator() },
		},
		"a kill too early": {
			"before Launch",
			func(tb testing.TB) { New(tb).Kill() }, //nolint:errcheck // it doesn't return
		},
		"too few calls": {
			"OnMsg was not called 1 times",
			func(tb testing.TB) { new(Recorder).AwaitMessages(tb, 1) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failures := during(t, c.test)
				require.NotEmpty(t, failures)
				assert.Contains(t, failures[0], c.says)
				synctest.Wait()
				time.Sleep(10 * time.Second) // what still flies lands
			})
		})
	}
}

func TestCommunicatorFindsBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Recorder
		f := New(t).Add("echo", Echo).Add("r", r.Factory).Launch()
		echo, ok := f.Communicator().Communicator("echo")
		require.True(t, ok)
		assert.True(t, echo.Send(sputnik.Msg{EchoTo: "r", "n": 1}))
		answer, err := sputnik.Request(t.Context(), echo, sputnik.Msg{"n": 2})
		require.NoError(t, err)
		assert.Equal(t, sputnik.Msg{"n": 2}, answer)
		assert.True(t, echo.Send(sputnik.Msg{EchoTo: "nobody"}))
		assert.True(t, echo.Send(sputnik.Msg{}))
		assert.Equal(t, []sputnik.Msg{{EchoTo: "r", "n": 1}}, r.AwaitMessages(t, 1))
		require.NoError(t, f.Stop())
	})
}

func TestSignalsNeverBlock(t *testing.T) {
	s := NewSignals()
	for range 100 {
		s.Interrupt()
	}
	assert.Len(t, s.c, cap(s.c))
}
