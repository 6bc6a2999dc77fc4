package sputnik_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestAMisusedRestartPolicyIsAFaultOfTheSetUp(t *testing.T) {
	for name, p := range map[string]sputnik.RestartPolicy{
		"backoff": {When: sputnik.RestartOnFailure, Backoff: -1}, "cap": {When: sputnik.RestartOnFailure, BackoffCap: -1},
		"max": {When: sputnik.RestartOnFailure, Max: -1}, "window": {When: sputnik.RestartOnFailure, Window: -1},
		"when": {When: 99},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newFlight(t, crew{idle("a", sputnik.WithRestart(p)), idle("b")})
			var se *sputnik.SetupError
			require.ErrorAs(t, err, &se)
			assert.Len(t, se.Faults, 1)
			assert.ErrorContains(t, err, "WithRestart")
			assert.ErrorContains(t, err, `"a"`)
		})
	}
}

func TestThePauseBeforeARestartDoublesUpToACap(t *testing.T) {
	ceilings := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
	longest := make([]time.Duration, len(ceilings))
	for range 50 {
		bubble(t, func(t *testing.T) {
			f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
				p := sputnik.RestartPolicy{Backoff: time.Second, BackoffCap: 5 * time.Second, Max: len(ceilings), Window: time.Hour}
				if n > len(ceilings) {
					return []sputnik.BlockOption{onFailure(p)}
				}
				return []sputnik.BlockOption{failAfter(time.Second, errBoom), onFailure(p)}
			})})
			time.Sleep(time.Minute)
			restarting := eventsOf[sputnik.BlockRestarting](f)
			require.Len(t, restarting, len(ceilings))
			initialised := eventsOf[sputnik.BlockInitialised](f)[2:]
			for i, e := range restarting {
				assert.Equal(t, i+1, e.Restart)
				assert.LessOrEqual(t, e.Pause, ceilings[i])
				assert.Equal(t, e.Pause, initialised[i].Time.Sub(e.Time), "as announced")
				longest[i] = max(longest[i], e.Pause)
			}
			require.NoError(t, f.land())
		})
	}
	for i, d := range longest {
		assert.Greater(t, d, ceilings[i]*3/4, "restart %d: the whole range is used", i+1)
	}
}

func TestTheDefaultPolicy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("b", failAfter(time.Second, errBoom), onFailure(sputnik.RestartPolicy{}))})
		var re *sputnik.RestartError
		require.ErrorAs(t, f.landed(), &re)
		assert.Equal(t, sputnik.DefaultRestartWindow, re.Window)
		restarting := eventsOf[sputnik.BlockRestarting](f)
		assert.Len(t, restarting, sputnik.DefaultRestartMax)
		for i, e := range restarting {
			assert.LessOrEqual(t, e.Pause, sputnik.DefaultRestartBackoff<<i)
		}
	})
}

func TestWhenARunThatReturnsIsRestarted(t *testing.T) {
	during(t, map[string]struct {
		when     sputnik.RestartWhen
		restarts int
	}{"on failure": {sputnik.RestartOnFailure, 0}, "always": {sputnik.RestartAlways, 2}}, func(t *testing.T, k struct {
		when     sputnik.RestartWhen
		restarts int
	},
	) {
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{sputnik.WithRestart(sputnik.RestartPolicy{When: k.when})}
			switch n {
			case 1:
				return append(opts, failAfter(time.Second, nil))
			case 2:
				return append(opts, failAfter(time.Second, errBoom))
			}
			return opts
		})})
		time.Sleep(time.Hour)
		assert.Len(t, eventsOf[sputnik.BlockRestarting](f), k.restarts)
		assert.Equal(t, k.restarts, f.block("b").Restarts)
		assert.Equal(t, sputnik.StateRunning, f.block("b").State)
		require.NoError(t, f.land(), "and the return at the stop is no reason")
	})
}

func TestAStormOfRunsThatReturnEndsTheProcessToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("b", failAfter(0, nil), sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartAlways, Max: 2}))})
		var re *sputnik.RestartError
		require.ErrorAs(t, f.landed(), &re)
		assert.NotContains(t, re.Error(), "<nil>")
		assert.Len(t, eventsOf[sputnik.BlockRestarting](f), 2)
	})
}

func TestAProcessIsNotReadyWhileABlockRestarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a"), series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), sputnik.WithInit(func(sputnik.ConfFactory) error {
				if n > 1 {
					time.Sleep(time.Second)
				}
				return nil
			}), sputnik.WithAttach(func(sputnik.BlockCommunicator) {
				if n > 1 {
					time.Sleep(time.Second)
				}
			})}
			if n == 1 {
				opts = append(opts, failAfter(time.Minute, errBoom), sputnik.WithFinish(func(bool) { time.Sleep(time.Second) }))
			}
			return opts
		})})
		time.Sleep(time.Minute)
		for _, at := range []string{"in the old one's Finish", "in the new one's Init", "in the new one's Attach"} {
			time.Sleep(500 * time.Millisecond)
			s := f.sp.Status()
			assert.False(t, s.Ready, at)
			assert.True(t, s.Live, at)
			assert.Contains(t, s.Reason, `"b"`)
			assert.Contains(t, s.Reason, "restart")
			assert.Equal(t, sputnik.StateRunning, s.State)
			assert.NoError(t, s.Cause)
			assert.Equal(t, sputnik.StateRestarting, f.block("b").State, at)
			assert.Equal(t, sputnik.StateRunning, f.block("a").State)
			require.ErrorIs(t, f.block("b").LastError, errBoom)
			time.Sleep(550 * time.Millisecond)
		}
		time.Sleep(time.Second)
		assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
		var told []bool
		for _, e := range eventsOf[sputnik.ReadyChanged](f) {
			told = append(told, e.Ready)
		}
		assert.Equal(t, []bool{true, false, true}, told)
		require.NoError(t, f.land())
	})
}

func TestABlockAddedAtRunTimeIsRestartedToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, spare(c, series("late", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if n == 1 {
					panic(errBoom)
				}
				j.add("%d got %v", n, m["n"])
			})}
		})))
		add(t, bc, "late")
		for n := range 3 {
			assert.True(t, to(t, bc, "late").Send(sputnik.Msg{"n": n}))
		}
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"2 got 1", "2 got 2"}, j.all())
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "late"))
		assert.True(t, f.sp.Status().Ready)
		require.NoError(t, f.land())
	})
}

func TestABlockIsRemovedWhileItRestarts(t *testing.T) {
	during(t, map[string]struct{ linger, backoff time.Duration }{
		"in the old one's Run": {linger: 3 * time.Second}, "in the pause": {backoff: time.Hour},
	}, func(t *testing.T, k struct{ linger, backoff time.Duration }) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			j.add("made %d", n)
			return []sputnik.BlockOption{
				sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }),
				sputnik.WithFinish(func(bool) { time.Sleep(k.linger); j.add("finished %d", n) }),
				onFailure(sputnik.RestartPolicy{Backoff: k.backoff, BackoffCap: k.backoff}),
			}
		}), idle("from", handle(&bc))})
		began := time.Now()
		_ = sputnik.RemoveBlock(t.Context(), bc, "b")
		assert.LessOrEqual(t, time.Since(began), k.linger+time.Second)
		_, ok := bc.Communicator("b")
		assert.False(t, ok)
		assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"made 1", "finished 1"}, j.all())
		require.NoError(t, f.land())
	})
}

func TestARemovalOfABlockThatCanNotRestartConcernsNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{
				sputnik.WithInit(func(sputnik.ConfFactory) error {
					if n > 1 {
						return errors.New("no more")
					}
					return nil
				}),
				sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }),
				onFailure(sputnik.RestartPolicy{Backoff: years, BackoffCap: years}),
			}
		}), idle("from", handle(&bc))})
		for range 3 {
			to(t, bc, "b").Send(sputnik.Msg{})
		}
		time.Sleep(time.Minute)
		err := sputnik.RemoveBlock(t.Context(), bc, "b")
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, err, &ue)
		assert.Equal(t, uint64(2), ue.Count)
		require.ErrorIs(t, err, errBoom)
		assert.ErrorContains(t, err, "no more")
		time.Sleep(time.Minute)
		assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
		require.NoError(t, f.land())
	})
}

func TestAFinisherOfTheHostIsRestartedToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		c := crew{logging(&j, "a")}
		host := series("host", func(n int) []sputnik.BlockOption {
			j.add("host %d", n)
			opts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{})}
			if n == 1 {
				opts = append(opts, failAfter(time.Minute, errBoom))
			}
			return opts
		})
		f := takeOff(t, c, spare(c, host), sputnik.WithFinisher(descriptor("host")))
		time.Sleep(time.Hour)
		assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"host 1", "host 2"}, j.with("host"))
	})
}

func TestABlockThatFailsAtOnceAgainAndAgainIsNeverReady(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }),
				onFailure(sputnik.RestartPolicy{Backoff: time.Hour, BackoffCap: time.Hour, Max: 1000}))})
			for range 20 {
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				require.Equal(t, sputnik.StateRestarting, f.block("a").State)
				s := f.sp.Status()
				require.False(t, s.Ready)
				require.Contains(t, s.Reason, `"a"`)
			}
			assert.Greater(t, f.block("a").Restarts, 2)
			require.ErrorIs(t, f.land(), errBoom)
		})
	}
}

func TestANewInstanceThatHangsIsNotFinishedBesideIt(t *testing.T) {
	hang := func() { time.Sleep(never) }
	during(t, map[string]sputnik.BlockOption{
		"Init":   sputnik.WithInit(func(sputnik.ConfFactory) error { hang(); return nil }),
		"Attach": sputnik.WithAttach(func(sputnik.BlockCommunicator) { hang() }),
	}, func(t *testing.T, hangs sputnik.BlockOption) {
		var j journal
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{
				onFailure(sputnik.RestartPolicy{}), sputnik.WithFinish(func(init bool) { j.add("finish %d %v", n, init) }),
			}
			if n == 1 {
				return append(opts, failAfter(0, errBoom))
			}
			j.add("made %d", n)
			return append(opts, hangs)
		})}, sputnik.WithInitTimeout(time.Second))
		err := f.landed()
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		assert.Equal(t, sputnik.StateAbandoned, f.block("b").State)
		time.Sleep(2 * never)
		assert.Equal(t, []string{"finish 1 false", "made 2"}, j.all(), "nor is there a third")
	})
}

func TestNoInstanceIsMadeOnceTheFinishIsCutShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			j.add("made %d", n)
			return []sputnik.BlockOption{
				failAfter(0, errBoom), onFailure(sputnik.RestartPolicy{Backoff: time.Minute}),
				sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithBlockFinishTimeout(20 * time.Second),
				sputnik.WithFinish(func(bool) { time.Sleep(2600 * time.Millisecond) }),
			}
		}), idle("from", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			<-ctx.Done()
			assert.True(t, to(t, bc, "b").Send(sputnik.Msg{}))
			time.Sleep(5 * time.Second)
			return nil
		}))})
		f.signals <- os.Interrupt
		time.Sleep(2500 * time.Millisecond)
		f.signals <- os.Interrupt
		err := f.landed()
		require.ErrorIs(t, err, sputnik.ErrForced)
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, err, &ue)
		assert.Equal(t, uint64(1), ue.Count, "told, not handled in a hurry")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"made 1"}, j.all())
	})
}
