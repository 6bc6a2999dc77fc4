package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik"
)

// One test for each defect of github.com/g41797/sputnik v0.0.21 that this library must not have.

func TestDefectFinishInParallelInNoOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := new(journal)
		slow := func(resp string) member {
			return idle(resp, sputnik.WithFinish(func(bool) {
				j.add("begin %s", resp)
				time.Sleep(time.Second)
				j.add("end %s", resp)
			}))
		}
		f := takeOff(t, crew{slow("a"), slow("b"), slow("c")})
		require.NoError(t, f.land())
		assert.Equal(t, []string{"begin c", "end c", "begin b", "end b", "begin a", "end a"}, j.all())
	})
}

func TestDefectAcceptedMessagesDroppedAtStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var handled int
		var accepted atomic.Int64
		sink := idle("sink", sputnik.WithOnMsg(func(sputnik.Msg) {
			time.Sleep(time.Millisecond)
			handled++
		}))
		source := idle("source", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			to, _ := bc.Communicator("sink")
			for range 1000 {
				if to.Send(sputnik.Msg{}) {
					accepted.Add(1)
				}
			}
			<-ctx.Done()
			return nil
		}))
		f := takeOff(t, crew{sink, source})
		require.NoError(t, f.land())
		assert.EqualValues(t, 1000, accepted.Load())
		assert.Equal(t, 1000, handled)
	})
}

func TestDefectOnMsgBeforeRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := new(journal)
		var self sputnik.BlockCommunicator
		sink := idle("sink",
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
			sputnik.WithOnMsg(func(sputnik.Msg) {
				s, _ := sputnik.StatusOf(self)
				j.add("%s", s.Blocks[len(s.Blocks)-1].State)
			}))
		toSink := func(bc sputnik.BlockCommunicator) {
			to, _ := bc.Communicator("sink")
			assert.True(t, to.Send(sputnik.Msg{}))
		}
		// It sends before any Run, and from its own, which is started before that of the sink.
		source := idle("source", sputnik.WithAttach(toSink),
			sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error { toSink(bc); return nil }))

		f, err := newFlight(t, crew{source, sink})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		assert.Empty(t, j.all(), "nothing is handled before the launch")
		f.start()
		assert.Equal(t, []string{"running", "running"}, j.all())
		require.NoError(t, f.land())
	})
}

func TestDefectConnectAndDisconnectOvertakeEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := new(journal)
		var beats atomic.Int64
		server := &plugIn{j: new(journal), alive: func() bool { return beats.Add(1)%3 != 0 }}
		slow := func(name string, d time.Duration) {
			j.add("begin %s", name)
			time.Sleep(d)
			j.add("end %s", name)
		}
		// To connect is slow, to disconnect is quick: on goroutines without order, the second is through first.
		block := idle("a",
			sputnik.WithOnConnect(func(any) { slow("connect", 7*time.Second) }),
			sputnik.WithOnDisconnect(func() { slow("disconnect", 0) }))
		f := takeOff(t, crew{block}, sputnik.WithConnector(server, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())

		news := j.all()
		assert.Greater(t, len(news), 8)
		cycle := []string{"begin connect", "end connect", "begin disconnect", "end disconnect"}
		for i, n := range news {
			assert.Equal(t, cycle[i%len(cycle)], n, "number %d of %v", i, news)
		}
	})
}

func TestDefect28ConnectsWithOneDisconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		j := new(journal)
		var breaks atomic.Int64
		server := &plugIn{j: new(journal), alive: func() bool { return breaks.Add(1) > 28 }}
		block := idle("a",
			sputnik.WithOnConnect(func(any) { j.add("connected") }),
			sputnik.WithOnDisconnect(func() { j.add("gone") }))
		f := takeOff(t, crew{block}, sputnik.WithConnector(server, time.Second), sputnik.WithBackoffCap(time.Second))
		time.Sleep(time.Hour)
		assert.Len(t, j.with("connected"), 29)
		assert.Len(t, j.with("gone"), 28)
		require.NoError(t, f.land())
		assert.Len(t, server.j.with("connect"), 29)
		assert.Len(t, server.j.with("disconnect"), 29, "by the end each connection is closed once")
	})
}

func TestDefectPanicWhenStoppedRightAfterLaunch(t *testing.T) {
	for range 200 {
		j := new(journal)
		c := crew{logging(j, "a"), idle("b", sputnik.WithOnMsg(func(sputnik.Msg) {}))}
		f, err := newFlight(t, c, sputnik.WithConnector(&plugIn{j: new(journal)}, time.Hour))
		require.NoError(t, err)
		go func() { f.result <- f.launch() }()
		require.NoError(t, f.land())
		assert.Len(t, j.with("finish"), 1)
	}
}

func TestDefectLeakedGoroutineALaunch(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 10 {
		// With the process's own signals: their listener was the goroutine that leaked.
		sp, err := sputnik.NewSputnik(append(crew{idle("a")}.options(),
			sputnik.WithConnector(&plugIn{j: new(journal)}, time.Hour), sputnik.WithObserver(func(sputnik.Event) {}))...)
		require.NoError(t, err)
		launch, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		go shootDown()
		require.NoError(t, launch())
	}
	goleak.VerifyNone(t, before)
}

func TestDefectStuckCallHangsTheProcess(t *testing.T) {
	during(t, map[string]func(t *testing.T, stuck func()) *flight{
		"Finish": func(t *testing.T, stuck func()) *flight {
			return takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { stuck() }))})
		},
		"Run": func(t *testing.T, stuck func()) *flight {
			return takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				stuck()
				return nil
			}))})
		},
		"Connect": func(t *testing.T, stuck func()) *flight {
			server := &plugIn{j: new(journal), connect: func(int) error { stuck(); return nil }}
			return takeOff(t, crew{idle("a")}, sputnik.WithConnector(server, time.Second))
		},
		"Disconnect": func(t *testing.T, stuck func()) *flight {
			server := &plugIn{j: new(journal), disconnect: stuck}
			return takeOff(t, crew{idle("a")}, sputnik.WithConnector(server, time.Second))
		},
	}, func(t *testing.T, lift func(t *testing.T, stuck func()) *flight) {
		free := make(chan struct{})
		defer close(free)
		f := lift(t, func() { <-free })
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), sputnik.DefaultFinishTimeout+time.Second)
		abandoned, ok := errors.AsType[*sputnik.AbandonedError](err)
		require.True(t, ok, "%v", err)
		assert.Contains(t, t.Name(), "/"+abandoned.Callbacks[0])
	})
}

func TestDefectDuplicateResponsibilityOrNilFactoryIsASIGSEGV(t *testing.T) {
	_, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(noConf),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"a": idle("a").make, "nil": nil}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{"a", "twice"}, {"a", "twice"}, {"nil", "b"}}),
	)
	setup, ok := errors.AsType[*sputnik.SetupError](err)
	require.True(t, ok, "%v", err)
	require.Len(t, setup.Faults, 2)
	assert.ErrorContains(t, setup.Faults[0], `"twice" (a)): responsibility is taken`)
	assert.ErrorContains(t, setup.Faults[1], "nil factory")
}

func TestDefectPeriod0Panics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var beats atomic.Int64
		server := &plugIn{j: new(journal), alive: func() bool { beats.Add(1); return true }}
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(server, 0))
		time.Sleep(10*sputnik.DefaultConnectorTimeout + time.Second)
		require.NoError(t, f.land())
		assert.EqualValues(t, 10, beats.Load())
	})
}

func TestDefectFirstConnectWaitsAWholePeriod(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		var after time.Duration
		block := idle("a", sputnik.WithOnConnect(func(any) { after = time.Since(began) }))
		f := takeOff(t, crew{block}, sputnik.WithConnector(&plugIn{j: new(journal)}, time.Hour))
		assert.True(t, f.sp.Status().Ready)
		require.NoError(t, f.land())
		assert.Zero(t, after)
	})
}

func TestDefectForgedMessageEndsTheLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		finish := sputnik.FinishMsg()
		block := idle("a", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			for _, resp := range []string{sputnik.InitiatorResponsibility, "finisher", "connector", "a"} {
				to, ok := bc.Communicator(resp)
				assert.True(t, ok)
				for _, m := range []sputnik.Msg{
					{"finished": true}, {"__finished": "a"}, {"__finish": true}, {"__name": "__finished"}, {},
				} {
					assert.False(t, to.Send(m), "%v to %s", m, resp)
				}
				for key, value := range finish {
					assert.False(t, to.Send(sputnik.Msg{key: true}))
					assert.False(t, to.Send(sputnik.Msg{key: fmt.Sprint(value)}))
					assert.False(t, to.Send(sputnik.Msg{key: struct{}{}}))
				}
			}
			<-ctx.Done()
			return nil
		}))
		f := takeOff(t, crew{block}, sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
		time.Sleep(time.Hour)
		assert.Equal(t, sputnik.StateRunning, f.sp.Status().State)
		require.NoError(t, f.land())
	})
}

func TestDefectLaunchAlwaysReturnsNil(t *testing.T) {
	during(t, map[string]sputnik.BlockOption{
		"error":  sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }),
		"panic":  sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { panic(errBoom) }),
		"finish": sputnik.WithFinish(func(bool) { panic(errBoom) }),
	}, func(t *testing.T, broken sputnik.BlockOption) {
		f := takeOff(t, crew{idle("a"), idle("b", broken)})
		err := f.land()
		require.ErrorIs(t, err, errBoom)
		block, ok := errors.AsType[*sputnik.BlockError](err)
		require.True(t, ok)
		assert.Equal(t, "b", block.Block.Responsibility)
	})
}

func TestDefectEmbeddedConfigurationReadFromTheSourceDirectory(t *testing.T) {
	embedded := fstest.MapFS{"a.yaml": {Data: []byte("from: embedded\n")}}
	t.Chdir(t.TempDir())
	for _, decoy := range []string{"a.yaml", "a.json"} { // what a process happens to find where it was started
		require.NoError(t, os.WriteFile(decoy, []byte(`{"from": "directory"}`), 0o600))
	}
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: embedded})
	require.NoError(t, err)
	var conf struct{ From string }
	require.NoError(t, cf("a", &conf))
	assert.Equal(t, "embedded", conf.From)
}
