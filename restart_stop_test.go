package sputnik_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// flaps are the moments at which the connection breaks, some of them those of a restart.
var flaps = []time.Duration{1e9, 2e9, 3e9, 4500e6, 5e9, 6e9, 7e9, 7500e6, 8e9, 9e9, 10e9}

// years is a backoff that no test lives to see the end of.
const years = 5 * 365 * 24 * time.Hour

func TestAStopWhileABlockRestarts(t *testing.T) {
	type kind struct {
		queued int
		when   time.Duration // after the failure
		linger time.Duration // the old one's Run
		init   time.Duration // the new one's Init
		pause  time.Duration
		took   time.Duration
		made   int
	}
	during(t, map[string]kind{
		"in the pause, nothing queued":       {when: time.Minute, pause: years, made: 1},
		"in the pause, messages queued":      {queued: 3, when: time.Minute, pause: years, made: 2},
		"in the old one's Run":               {when: time.Second, linger: 3 * time.Second, took: 2 * time.Second, made: 1},
		"in the old one's Run, and messages": {queued: 3, when: time.Second, linger: 3 * time.Second, took: 2 * time.Second, made: 2},
		"in the new one's Init and messages": {queued: 3, when: time.Second, init: 3 * time.Second, took: 2 * time.Second, made: 2},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{logging(&j, "a"), series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{
				sputnik.WithInit(func(sputnik.ConfFactory) error {
					j.add("made %d", n)
					if n > 1 {
						time.Sleep(k.init)
					}
					return nil
				}),
				sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
					if n == 1 {
						<-ctx.Done()
						time.Sleep(k.linger)
						return nil
					}
					j.add("run %d", n)
					return untilDone(ctx, nil)
				}),
				sputnik.WithOnMsg(func(m sputnik.Msg) {
					if n == 1 {
						panic(errBoom)
					}
					j.add("%d got %v", n, m["n"])
				}),
				sputnik.WithFinish(func(init bool) { j.add("finish b %d %v", n, init) }),
				onFailure(sputnik.RestartPolicy{Backoff: max(k.pause, 1), BackoffCap: max(k.pause, 1)}),
			}
		}), logging(&j, "from", handle(&bc))})
		for n := range k.queued + 1 {
			assert.True(t, to(t, bc, "b").Send(sputnik.Msg{"n": n}))
		}
		time.Sleep(k.when)
		began := time.Now()
		err := f.land()
		assert.InDelta(t, k.took.Seconds(), time.Since(began).Seconds(), 0.1)
		var got []string
		for n := range k.queued {
			got = append(got, fmt.Sprint("2 got ", n+1))
		}
		assert.Equal(t, got, j.with("2 got"))
		assert.Len(t, j.with("made"), k.made)
		assert.Len(t, j.with("finish b"), k.made, "each instance is finished once")
		if k.made == 1 {
			require.ErrorIs(t, err, errBoom, "a failure that nothing has cured")
			require.ErrorIs(t, err, sputnik.ErrShootDown, "but it isn't why the process stops")
		} else {
			assert.Equal(t, []string{"run 2"}, j.with("run 2"))
		}
		box := f.block("b").Mailbox
		assert.Equal(t, uint64(k.queued+1), box.Accepted)
		assert.Equal(t, uint64(k.queued+1), box.Handled)
		assert.Equal(t, []string{"finish from false", "finish a false"}, j.with("finish from", "finish a"))
		assert.Equal(t, sputnik.StateFinished, f.block("b").State)
	})
}

func TestAMessageThatBreaksTheLastInstanceTooIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("b", sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }),
				onFailure(sputnik.RestartPolicy{Backoff: years, BackoffCap: years})),
			idle("from", handle(&bc)),
		})
		for range 3 {
			assert.True(t, to(t, bc, "b").Send(sputnik.Msg{}))
		}
		synctest.Wait()
		began := time.Now()
		err := f.land()
		require.ErrorIs(t, err, errBoom)
		assert.LessOrEqual(t, time.Since(began), sputnik.DefaultFinishTimeout)
		box := f.block("b").Mailbox
		assert.Equal(t, box.Accepted, box.Handled+box.Dead)
		assert.Equal(t, uint64(3), box.Accepted)
		assert.LessOrEqual(t, len(eventsOf[sputnik.BlockInitialised](f)), 4, "one last instance, not more")
	})
}

func TestALastInstanceThatDoesNotComeUpLeavesTheMessagesReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{
				sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }),
				sputnik.WithInit(func(sputnik.ConfFactory) error {
					if n > 1 {
						return fmt.Errorf("no more")
					}
					return nil
				}),
				onFailure(sputnik.RestartPolicy{Backoff: years, BackoffCap: years}),
			}
		}), idle("from", handle(&bc))})
		for range 3 {
			assert.True(t, to(t, bc, "b").Send(sputnik.Msg{}))
		}
		synctest.Wait()
		err := f.land()
		require.ErrorIs(t, err, errBoom)
		require.ErrorContains(t, err, "no more")
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, err, &ue)
		assert.Equal(t, uint64(2), ue.Count)
		assert.Equal(t, uint64(2), f.block("b").Mailbox.Dead)
	})
}

func TestAFailureDuringTheFinishIsNoReasonToRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("b", onFailure(sputnik.RestartPolicy{}),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				return errBoom
			}))})
		require.ErrorIs(t, f.land(), errBoom)
		assert.Empty(t, eventsOf[sputnik.BlockRestarting](f))
	})
}

func TestASecondSignalEndsARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{
				failAfter(time.Second, errBoom), onFailure(sputnik.RestartPolicy{}),
				sputnik.WithFinish(func(bool) { time.Sleep(never) }),
			}
		})})
		time.Sleep(2 * time.Second)
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		began := time.Now()
		err := f.landed()
		require.ErrorIs(t, err, sputnik.ErrForced)
		require.ErrorIs(t, err, errBoom)
		require.ErrorAs(t, err, new(*sputnik.AbandonedError))
		assert.LessOrEqual(t, time.Since(began), 2*time.Second)
		time.Sleep(2 * never)
	})
}

func TestRestartsAtTheMomentOfAStop(t *testing.T) {
	for n := range 200 {
		bubble(t, func(t *testing.T) {
			var bc sputnik.BlockCommunicator
			var j journal
			f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
				return []sputnik.BlockOption{
					sputnik.WithInit(func(sputnik.ConfFactory) error { j.add("init"); return nil }),
					sputnik.WithOnMsg(func(m sputnik.Msg) {
						if m["n"] == 0 {
							panic(errBoom)
						}
					}),
					sputnik.WithFinish(func(bool) { j.add("finish") }),
					onFailure(sputnik.RestartPolicy{Backoff: 1}),
				}
			}), idle("from", handle(&bc))})
			peer := to(t, bc, "b")
			if n%2 == 0 {
				go f.shootDown()
			}
			sent := uint64(0)
			for n := range 3 {
				if peer.Send(sputnik.Msg{"n": n}) {
					sent++
				}
			}
			f.shootDown()
			_ = f.landed()
			box := f.block("b").Mailbox
			assert.Equal(t, sent, box.Handled, "all that was accepted")
			assert.Len(t, j.with("finish"), len(j.with("init")))
		})
	}
}

func TestARestartedBlockGetsTheCurrentConnection(t *testing.T) {
	type kind struct {
		down func(broken chan error) // while the block is down
		news []string
	}
	during(t, map[string]kind{
		"which stands": {func(chan error) {}, []string{"1 up 1", "2 up 1"}},
		"which is another by now": {func(broken chan error) {
			broken <- errBoom
			time.Sleep(10 * time.Second)
		}, []string{"1 up 1", "2 up 2"}},
	}, func(t *testing.T, k kind) {
		for _, serial := range []bool{false, true} {
			var j journal
			broken := make(chan error)
			f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
				opts := []sputnik.BlockOption{
					sputnik.WithOnConnect(func(c any) { j.add("%d up %v", n, c) }),
					sputnik.WithOnDisconnect(func() { j.add("%d down", n) }),
					sputnik.WithOnMsg(func(sputnik.Msg) {}),
					onFailure(sputnik.RestartPolicy{}),
				}
				if serial {
					opts = append(opts, sputnik.WithSerialCallbacks())
				}
				if n == 1 {
					opts = append(opts, failAfter(time.Minute, errBoom), sputnik.WithFinish(func(bool) { k.down(broken) }))
				}
				return opts
			}), listener(new(journal), "other")}, sputnik.WithFinishTimeout(time.Minute),
				sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, broken}, time.Second))
			time.Sleep(3 * time.Minute)
			assert.Equal(t, k.news, j.all())
			broken <- errBoom
			time.Sleep(3 * time.Minute)
			assert.Equal(t, "2 down", j.all()[2])
			assert.Len(t, j.all(), 4)
			require.NoError(t, f.land())
		}
	})
}

func TestTheNewsAlternateForEachInstanceWhileTheConnectionFlaps(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			var j journal
			f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
				return []sputnik.BlockOption{
					sputnik.WithOnConnect(func(any) { j.add("%d up", n) }), sputnik.WithOnDisconnect(func() { j.add("%d down", n) }),
					failAfter(time.Second, errBoom), onFailure(sputnik.RestartPolicy{Backoff: 1, Max: 1000}),
				}
			})}, sputnik.WithConnector(&plugIn{j: new(journal), alive: failsAt(flaps...)}, 250*time.Millisecond))
			time.Sleep(10500 * time.Millisecond)
			require.NoError(t, f.land())
			for n := range 10 {
				for i, l := range j.with(fmt.Sprint(n+1, " ")) {
					assert.Equal(t, fmt.Sprint(n+1, []string{" up", " down"}[i%2]), l, "%v", j.all())
				}
			}
			assert.NotEmpty(t, j.with("10 "))
		})
	}
}

func TestAnOldInstanceThatLingersDoesNotHoldUpTheFinish(t *testing.T) {
	during(t, map[string]sputnik.BlockOption{
		"Finish": sputnik.WithFinish(func(bool) { time.Sleep(never) }),
		"Run": sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			_ = untilDone(ctx, bc)
			time.Sleep(never)
			return nil
		}),
	}, func(t *testing.T, lingers sputnik.BlockOption) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			logging(&j, "a"),
			idle("b", sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }), onFailure(sputnik.RestartPolicy{}),
				sputnik.WithBlockFinishTimeout(time.Hour), lingers),
			idle("from", handle(&bc)),
		}, sputnik.WithFinishTimeout(10*time.Second))
		to(t, bc, "b").Send(sputnik.Msg{})
		time.Sleep(time.Second)
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), 12*time.Second, "G7 holds for a restart too")
		require.ErrorAs(t, err, new(*sputnik.AbandonedError))
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		time.Sleep(2 * never)
	})
}

func TestANewInstanceThatHangsDoesNotHoldUpTheFinish(t *testing.T) {
	hang := func() { time.Sleep(never) }
	type kind struct {
		factory func()
		opt     sputnik.BlockOption
	}
	during(t, map[string]kind{
		"factory": {hang, sputnik.WithInit(noInit)},
		"Init":    {func() {}, sputnik.WithInit(func(sputnik.ConfFactory) error { hang(); return nil })},
		"Attach":  {func() {}, sputnik.WithAttach(func(sputnik.BlockCommunicator) { hang() })},
	}, func(t *testing.T, k kind) {
		var j journal
		f := takeOff(t, crew{logging(&j, "a"), series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), failAfter(time.Second, errBoom)}
			if n > 1 {
				k.factory()
				opts = append(opts, k.opt)
			}
			return opts
		})}, sputnik.WithFinishTimeout(3*time.Second))
		time.Sleep(10 * time.Second)
		assert.Equal(t, sputnik.StateRestarting, f.block("b").State)
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), 5*time.Second)
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		time.Sleep(2 * never)
	})
}

func TestAStormLeavesItsMessagesReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("b", sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }), onFailure(sputnik.RestartPolicy{Max: 2})),
			idle("from", handle(&bc)),
		})
		for range 10 {
			to(t, bc, "b").Send(sputnik.Msg{})
		}
		err := f.landed()
		require.ErrorAs(t, err, new(*sputnik.RestartError))
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, err, &ue)
		box := f.block("b").Mailbox
		assert.Equal(t, ue.Count, box.Dead)
		assert.Equal(t, box.Accepted, box.Handled+box.Dead)
		assert.Equal(t, uint64(3), box.Handled)
	})
}

func TestAFailureThatWasCuredIsNotInTheErrorOfAStop(t *testing.T) {
	during(t, map[string]bool{"process": false, "removal": true}, func(t *testing.T, removal bool) {
		var bc sputnik.BlockCommunicator
		fails := make(chan int)
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{
				sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
					time.Sleep(time.Hour)
					fails <- n
					return fmt.Errorf("<%d>", n)
				}),
				onFailure(sputnik.RestartPolicy{Window: 10 * time.Hour}),
			}
		}), idle("from", handle(&bc))})
		for n := range 3 {
			require.Equal(t, n+1, <-fails)
		}
		synctest.Wait()
		require.Equal(t, sputnik.StateRestarting, f.block("b").State, "in its third pause")
		var err error
		if removal {
			err = sputnik.RemoveBlock(t.Context(), bc, "b")
			require.NoError(t, f.land())
		} else {
			err = f.land()
		}
		require.ErrorContains(t, err, "<3>")
		for _, cured := range []string{"<1>", "<2>"} {
			assert.NotContains(t, err.Error(), cured)
		}
	})
}

func TestAFlushFindsABlockThatIsBeingRestarted(t *testing.T) {
	during(t, map[string]struct{ pause, linger time.Duration }{
		"in its pause": {pause: years}, "in the old one's Finish": {linger: 3 * time.Second},
	}, func(t *testing.T, k struct{ pause, linger time.Duration }) {
		var j journal
		f := takeOff(t, crew{series("sink", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{
				sputnik.WithOnMsg(func(m sputnik.Msg) { j.add("%d got %v", n, m["n"]) }),
				onFailure(sputnik.RestartPolicy{Backoff: max(k.pause, 1), BackoffCap: max(k.pause, 1)}),
			}
			if n == 1 {
				opts = append(opts, failAfter(0, errBoom), sputnik.WithFinish(func(bool) { time.Sleep(k.linger) }))
			}
			return opts
		}), idle("from", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			<-ctx.Done()
			for n := range 3 {
				time.Sleep(time.Millisecond)
				assert.True(t, to(t, bc, "sink").Send(sputnik.Msg{"n": n}))
			}
			return nil
		}))})
		require.Equal(t, sputnik.StateRestarting, f.block("sink").State)
		require.NoError(t, f.land(), "the last instance has cured it")
		assert.Equal(t, []string{"2 got 0", "2 got 1", "2 got 2"}, j.all())
	})
}
