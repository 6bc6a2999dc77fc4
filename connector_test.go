package sputnik_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// listener is a member that notes the news of the connection.
func listener(j *journal, resp string, opts ...sputnik.BlockOption) member {
	return idle(resp, append([]sputnik.BlockOption{
		sputnik.WithOnConnect(func(c any) { j.add("%s up %v", resp, c) }),
		sputnik.WithOnDisconnect(func() { j.add("%s down", resp) }),
	}, opts...)...)
}

// failsAt returns a heartbeat that fails once at each of the given times.
func failsAt(at ...time.Duration) func() bool {
	began := time.Now()
	return func() bool {
		if len(at) > 0 && time.Since(began) >= at[0] {
			at = at[1:]
			return false
		}
		return true
	}
}

func TestG15FirstAttemptIsAtOnceThenBackoffWithFullJitter(t *testing.T) {
	var longest, shortest [8]time.Duration
	for range 100 {
		bubble(t, func(t *testing.T) {
			var j journal
			began := time.Now()
			f := takeOff(t, crew{idle("a")}, sputnik.WithBackoffCap(10*time.Second),
				sputnik.WithConnector(&plugIn{j: &j, connect: func(n int) error {
					if n == 1 {
						assert.Zero(t, time.Since(began))
					}
					if n <= len(longest) {
						return errBoom
					}
					return nil
				}}, time.Second))
			time.Sleep(time.Minute)
			require.NoError(t, f.land())
			failed := eventsOf[sputnik.ConnectFailed](f)
			require.Len(t, failed, len(longest))
			for i, e := range failed {
				assert.Equal(t, i+1, e.Attempt)
				assert.LessOrEqual(t, e.Next, min(time.Second<<i, 10*time.Second))
				longest[i] = max(longest[i], e.Next)
				if shortest[i] == 0 || e.Next < shortest[i] {
					shortest[i] = e.Next
				}
				if i+1 < len(failed) {
					assert.Equal(t, e.Next, failed[i+1].Time.Sub(e.Time))
				}
			}
			assert.Equal(t, len(longest)+1, eventsOf[sputnik.Connected](f)[0].Attempt)
		})
	}
	for i, d := range longest {
		assert.Greater(t, d, min(time.Second<<i, 10*time.Second)*3/4, "attempt %d: the whole range is used", i+1)
		assert.Less(t, shortest[i], min(time.Second<<i, 10*time.Second)/4, "attempt %d: the whole range is used", i+1)
	}
}

func TestG15PeriodZeroIsTheDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var beats []time.Duration
		began := time.Now()
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: &j, alive: func() bool {
			beats = append(beats, time.Since(began))
			return true
		}}, 0))
		time.Sleep(3*sputnik.DefaultConnectorTimeout + time.Second)
		require.NoError(t, f.land())
		assert.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second}, beats)
	})
}

func TestG15AFlappingServerIsBackedOffFrom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		broken := make(chan error)
		close(broken) // each connection is broken as soon as it is made
		f := takeOff(t, crew{idle("a")}, sputnik.WithBackoffCap(time.Minute),
			sputnik.WithConnector(pushing{&plugIn{j: &j}, broken}, time.Second))
		time.Sleep(time.Hour)
		require.NoError(t, f.land())
		n := len(j.with("connect"))
		assert.Greater(t, n, 50)
		assert.Less(t, n, 400, "an hour at half a minute on average")
	})
}

func TestG15CallsAreNeverTwoAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var inside atomic.Int32
		began := time.Now()
		slow := func(name string, d time.Duration) {
			assert.Equal(t, int32(1), inside.Add(1), name)
			if time.Since(began) < 30*time.Second {
				time.Sleep(d)
			}
			inside.Add(-1)
		}
		f := takeOff(t, crew{listener(&j, "a")}, sputnik.WithConnectTimeout(time.Second),
			sputnik.WithConnector(&plugIn{
				j:          &j,
				connect:    func(int) error { slow("Connect", 3*time.Second); return nil },
				alive:      func() bool { slow("IsConnected", 3*time.Second); return true },
				disconnect: func() { slow("Disconnect", 3*time.Second) },
			}, time.Second))
		time.Sleep(40 * time.Second)
		require.NoError(t, f.land())
		stalled := eventsOf[sputnik.ConnectorStalled](f)
		require.GreaterOrEqual(t, len(stalled), 3)
		assert.Equal(t, []string{"Connect", "IsConnected", "Disconnect"},
			[]string{stalled[0].Call, stalled[1].Call, stalled[2].Call})
		assert.Equal(t, []string{"connect 1", "a up 1", "a down", "disconnect", "connect 2", "a up 2", "a down", "disconnect"},
			j.all()[:8], "a late connection counts, a late heartbeat doesn't")
	})
}

func TestG15APlugInThatHangsDoesNotHoldUpTheFinish(t *testing.T) {
	for _, call := range []string{"Connect", "IsConnected", "Disconnect"} {
		for _, since := range []time.Duration{2 * time.Second, time.Minute} {
			t.Run(fmt.Sprint(call, " for ", since), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var j journal
					hang := func(name string) {
						if name == call {
							time.Sleep(never)
						}
					}
					f := takeOff(t, crew{logging(&j, "a")}, sputnik.WithConnector(&plugIn{
						j:          new(journal),
						connect:    func(int) error { hang("Connect"); return nil },
						alive:      func() bool { hang("IsConnected"); return true },
						disconnect: func() { hang("Disconnect") },
					}, time.Second))
					time.Sleep(since)
					began := time.Now()
					err := f.land()
					assert.LessOrEqual(t, time.Since(began), sputnik.DefaultConnectTimeout)
					var ae *sputnik.AbandonedError
					require.ErrorAs(t, err, &ae)
					assert.Equal(t, sputnik.ConnectorDescriptor(), ae.Block)
					assert.Equal(t, []string{call}, ae.Callbacks)
					assert.Contains(t, ae.Stacks, "plugIn")
					assert.Equal(t, sputnik.StateAbandoned, f.block("connector").State)
					assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
					time.Sleep(2 * never)
				})
			})
		}
	}
}

type contextual struct{ *plugIn }

func (p contextual) ConnectContext(ctx context.Context, _ sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	p.j.add("connect")
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestG15ConnectContextEndsWithItsLimitAndWithTheFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(contextual{&plugIn{j: &j}}, time.Second))
		time.Sleep(sputnik.DefaultConnectTimeout + 2*time.Second)
		require.NotEmpty(t, eventsOf[sputnik.ConnectFailed](f))
		require.ErrorIs(t, eventsOf[sputnik.ConnectFailed](f)[0].Err, sputnik.ErrTimeout)
		began := time.Now()
		require.NoError(t, f.land())
		assert.Zero(t, time.Since(began))
	})
}

func TestG15APanickingPlugInIsAFailedCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{listener(&j, "a")}, sputnik.WithConnector(&plugIn{
			j: &j,
			connect: func(n int) error {
				switch n {
				case 1:
					panic(errBoom)
				case 2:
					runtime.Goexit()
				}
				return nil
			},
			alive:      func() bool { panic("no pulse") },
			disconnect: func() { panic("stuck") },
		}, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		failed := eventsOf[sputnik.ConnectFailed](f)
		require.ErrorIs(t, failed[0].Err, errBoom)
		require.ErrorContains(t, failed[0].Err, "Connect: panic: boom")
		require.ErrorIs(t, failed[1].Err, sputnik.ErrGoexit)
		require.ErrorContains(t, eventsOf[sputnik.ConnectionLost](f)[0].Err, "IsConnected: panic: no pulse")
		require.ErrorContains(t, eventsOf[sputnik.ConnectorFaulted](f)[0].Err, "Disconnect: panic: stuck")
		assert.Equal(t, []string{"connect 1", "connect 2", "connect 3", "a up 3", "a down", "disconnect", "connect 4"}, j.all()[:7])
	})
}

func TestG16NewsInOrderAndAlternating(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{listener(&j, "a"), listener(&j, "b"), idle("x"), listener(&j, "c", sputnik.WithSerialCallbacks(), sputnik.WithOnMsg(func(sputnik.Msg) {}))},
			sputnik.WithConnector(&plugIn{j: new(journal), alive: failsAt(10*time.Second, 20*time.Second)}, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		assert.Equal(t, []string{
			"a up 1", "b up 1", "c up 1", "c down", "b down", "a down",
			"a up 2", "b up 2", "c up 2", "c down", "b down", "a down",
			"a up 3", "b up 3", "c up 3",
		}, j.all())
	})
}

func TestG16ASlowBlockGetsTheNewestState(t *testing.T) {
	for _, serial := range []bool{false, true} {
		t.Run(fmt.Sprintf("serial %v", serial), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var j journal
				opts := []sputnik.BlockOption{
					sputnik.WithOnMsg(func(sputnik.Msg) {}),
					sputnik.WithOnConnect(func(c any) { j.add("slow up %v", c); time.Sleep(30 * time.Second) }),
				}
				if serial {
					opts = append(opts, sputnik.WithSerialCallbacks())
				}
				flaps := []time.Duration{2 * time.Second, 5 * time.Second, 8 * time.Second, 11 * time.Second, 14 * time.Second}
				began := time.Now()
				f := takeOff(t, crew{listener(&j, "slow", opts...), listener(&j, "quick")},
					sputnik.WithConnector(&plugIn{j: new(journal), alive: failsAt(flaps...)}, time.Second))
				time.Sleep(20 * time.Second)
				assert.Len(t, j.with("quick"), 11, "the quick one is told everything")
				assert.Len(t, j.with("slow"), 1)
				time.Sleep(40 * time.Second)
				synctest.Wait()
				assert.Equal(t, []string{"slow up 1", "slow down", "slow up 6"}, j.with("slow"))
				assert.Equal(t, 60*time.Second, time.Since(began))
				require.NoError(t, f.land())
			})
		})
	}
}

func TestG16NoneBeforeRunNoneAfterTheFinishBegan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		c := listener(&j, "a", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			j.add("run")
			return untilDone(ctx, bc)
		}), sputnik.WithFinish(func(bool) { j.add("finish") }))
		f := takeOff(t, crew{c}, sputnik.WithConnector(&plugIn{j: new(journal)}, time.Second))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"run", "a up 1", "finish"}, j.all())
	})
}

func TestG17ABrokenConnectionIsDisconnectedBeforeTheNextConnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{
			j: &j, alive: failsAt(5*time.Second, 10*time.Second),
			connect: func(n int) error {
				if n == 2 {
					return errBoom
				}
				return nil
			},
		}, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connect 1", "disconnect", "connect 2", "connect 3", "disconnect", "connect 4", "disconnect"}, j.all())
	})
}

func TestG17WhatNeverConnectedIsNotDisconnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: &j, connect: func(int) error { return errBoom }}, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		assert.Empty(t, j.with("disconnect"))
	})
}

func TestG17AConnectThatSucceedsDuringTheFinishIsDisconnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{listener(&j, "a")}, sputnik.WithConnector(&plugIn{j: &j, connect: func(int) error {
			time.Sleep(1500 * time.Millisecond)
			return nil
		}}, time.Second))
		time.Sleep(time.Second)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connect 1", "disconnect"}, j.all())
	})
}

func TestG18TheConnectionStaysUpUntilEveryBlockIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		flush := func(resp string) member {
			return idle(resp, sputnik.WithFinish(func(bool) { time.Sleep(3 * time.Second); j.add("flushed %s", resp) }))
		}
		f := takeOff(t, crew{flush("a"), flush("b")},
			sputnik.WithConnector(&plugIn{j: &j, alive: func() bool { j.add("beat"); return true }}, time.Second))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"flushed b", "flushed a", "disconnect"}, j.with("flushed", "disconnect"))
		assert.GreaterOrEqual(t, len(j.with("beat")), 5, "it is watched, too")
	})
}

func TestAPushBreaksTheConnectionNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		broken := make(chan error)
		f := takeOff(t, crew{listener(&j, "a")}, sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, broken}, time.Hour))
		time.Sleep(time.Minute)
		began := time.Now()
		broken <- errBoom
		synctest.Wait()
		assert.Equal(t, []string{"a up 1", "a down"}, j.all()[:2])
		lost := eventsOf[sputnik.ConnectionLost](f)
		require.Len(t, lost, 1)
		require.ErrorIs(t, lost[0].Err, errBoom)
		assert.Equal(t, began, lost[0].When())
		require.NoError(t, f.land())
		assert.NotErrorIs(t, f.sp.Status().Cause, errBoom)
	})
}

func TestAConnectThatFailsDuringTheFinishIsNoFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: &j, connect: func(int) error {
			time.Sleep(1500 * time.Millisecond)
			return errBoom
		}}, time.Second))
		time.Sleep(time.Second)
		require.NoError(t, f.land())
		assert.Empty(t, j.with("disconnect"))
	})
}

func TestG5ASerialBlockThatFlushesHearsOfTheConnectionAfterItsMailboxWasCalledOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		news := make(chan string, 8)
		var up atomic.Bool
		up.Store(true)
		var self sputnik.BlockCommunicator
		var heard []string
		f := takeOff(t, crew{idle("a", handle(&self), sputnik.WithSerialCallbacks(), sputnik.WithBlockFinishTimeout(20*time.Second),
			sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(12 * time.Second) }), // beyond half of its time
			sputnik.WithOnConnect(func(any) { up.Store(true); news <- "connected" }),
			sputnik.WithOnDisconnect(func() { news <- "disconnected" }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done() // after 10 s
				for len(heard) < 3 {
					heard = append(heard, <-news)
				}
				return nil
			}),
		)}, sputnik.WithConnector(&plugIn{j: new(journal), alive: up.Load}, time.Second))
		time.Sleep(time.Minute)
		self.Send(sputnik.Msg{})
		synctest.Wait()
		up.Store(false)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connected", "disconnected", "connected"}, heard)
	})
}
