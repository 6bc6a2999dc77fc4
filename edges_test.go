package sputnik_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestG5ThreeQuartersOfTheTimeAreForTheBacklog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var at time.Duration
		began := time.Now()
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithBlockFinishTimeout(10*time.Second),
			sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(time.Second) }),
			sputnik.WithFinish(func(bool) { at = time.Since(began) }))})
		for range 100 {
			bc.Send(sputnik.Msg{})
		}
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, f.land(), &ue)
		assert.InDelta(t, 92, ue.Count, 1)
		assert.Equal(t, 7500*time.Millisecond, at)
	})
}

func TestG6ShootDownInPlaceOfALaunchFinishes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f, err := newFlight(t, crew{logging(&j, "a")})
		require.NoError(t, err)
		f.shootDown()
		assert.Equal(t, []string{"init a", "finish a true"}, j.all())
	})
}

func TestG19NoDelayForAStopBeforeLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, err := newFlight(t, crew{idle("a")}, sputnik.WithFinishDelay(time.Second))
		require.NoError(t, err)
		began := time.Now()
		f.shootDown()
		assert.Zero(t, time.Since(began))
	})
}

func TestG9SecondSignalEndsEveryWait(t *testing.T) {
	during(t, map[string]struct {
		opts []sputnik.BlockOption
		sp   []sputnik.SputnikOption
	}{
		"backlog": {opts: []sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(10 * time.Second) })}},
		"flush": {opts: []sputnik.BlockOption{sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			<-ctx.Done()
			time.Sleep(20 * time.Second)
			return nil
		})}},
		"delay": {sp: []sputnik.SputnikOption{sputnik.WithFinishDelay(20 * time.Second)}},
	}, func(t *testing.T, k struct {
		opts []sputnik.BlockOption
		sp   []sputnik.SputnikOption
	},
	) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", append([]sputnik.BlockOption{handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) {})}, k.opts...)...)}, k.sp...)
		bc.Send(sputnik.Msg{})
		bc.Send(sputnik.Msg{})
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		began := time.Now()
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		assert.LessOrEqual(t, time.Since(began), time.Second)
		time.Sleep(time.Hour)
	})
}

func TestG9ASecondSignalNeverGivesMoreTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(never) }))}, sputnik.WithFinishTimeout(600*time.Millisecond))
		f.signals <- os.Interrupt
		time.Sleep(290 * time.Millisecond)
		f.signals <- os.Interrupt
		began := time.Now()
		require.Error(t, f.landed())
		assert.LessOrEqual(t, time.Since(began), 310*time.Millisecond)
		time.Sleep(2 * never)
	})
}

func TestG9TheWindowOfOneDelivery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(5 * time.Second) }))})
		f.signals <- os.Interrupt
		time.Sleep(250 * time.Millisecond)
		f.signals <- os.Interrupt
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		time.Sleep(time.Hour)
	})
}

func TestG13ASenderThatGaveUpIsOutOfTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var src sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{
			receiver("sink", &j, gate, sputnik.WithMailbox(1, sputnik.Wait), sputnik.WithBlockFinishTimeout(20*time.Second)),
			idle("src", handle(&src), sputnik.WithBlockFinishTimeout(time.Second),
				sputnik.WithFinish(func(bool) { time.Sleep(800 * time.Millisecond) })),
		})
		peer := to(t, src, "sink")
		for n := range 2 {
			peer.Send(sputnik.Msg{"n": n})
			synctest.Wait()
		}
		got := make(chan bool, 3)
		for n := 2; n < 5; n++ {
			go func() { got <- peer.Send(sputnik.Msg{"n": n}) }()
			synctest.Wait()
		}
		gate <- struct{}{} // 0 is through, 2 comes in
		synctest.Wait()
		assert.True(t, <-got)
		f.shootDown()
		time.Sleep(5 * time.Second) // src is finished: 3 and 4 gave up
		assert.False(t, <-got)
		assert.False(t, <-got)
		close(gate)
		require.Error(t, errors.Join(f.landed(), errBoom))
		assert.Equal(t, []string{"0", "1", "2"}, j.all())
		box := f.block("sink").Mailbox
		assert.Equal(t, uint64(3), box.Accepted)
		assert.Equal(t, uint64(2), box.Rejected)
	})
}

func TestG11AfterAGoexitTheNewsGoOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		up := make(chan error, 1)
		f := takeOff(t, crew{idle("a",
			sputnik.WithOnConnect(func(any) { j.add("up"); time.Sleep(2 * time.Second); runtime.Goexit() }),
			sputnik.WithOnDisconnect(func() { j.add("down") }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				time.Sleep(5 * time.Second)
				return nil
			}))}, sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, up}, time.Hour))
		time.Sleep(time.Second)
		up <- errBoom
		require.ErrorIs(t, f.landed(), sputnik.ErrGoexit)
		assert.Equal(t, []string{"up", "down"}, j.all()[:2])
	})
}

func TestG11AFailedRunEndsTheContextAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var at time.Duration
		began := time.Now()
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			context.AfterFunc(ctx, func() { at = time.Since(began) })
			return errBoom
		}))}, sputnik.WithFinishDelay(5*time.Second))
		require.ErrorIs(t, f.landed(), errBoom)
		synctest.Wait()
		assert.Zero(t, at)
	})
}

func TestG11AnObserverThatExitsGetsTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		f := takeOff(t, crew{idle("a")}, sputnik.WithObserver(func(sputnik.Event) { n++; runtime.Goexit() }))
		require.ErrorIs(t, f.land(), sputnik.ErrGoexit)
		assert.Len(t, eventsOf[sputnik.Event](f), n)
		assert.Greater(t, n, 8)
	})
}

func TestG11ABlockThatFailsWithEveryMessageDoesNotFloodTheError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				for range 100 {
					bc.Send(sputnik.Msg{})
				}
			}))})
		var fe *sputnik.FlightError
		require.ErrorAs(t, f.landed(), &fe)
		assert.Less(t, len(fe.Faults), 10)
	})
}

func TestG15ACallInProgressGetsTwoSecondsAtTheFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hung := func(int) error { time.Sleep(time.Hour); return nil }
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: new(journal), connect: hung}, time.Second))
		began := time.Now()
		require.ErrorIs(t, f.land(), sputnik.ErrTimeout)
		assert.Equal(t, 2*time.Second, time.Since(began))
		time.Sleep(2 * time.Hour)
	})
}

func TestG19ReadinessIsToldOnlyWhenItTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: new(journal), connect: func(n int) error {
			if n < 5 {
				return errBoom
			}
			return nil
		}}, time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		var got []bool
		for _, e := range eventsOf[sputnik.ReadyChanged](f) {
			got = append(got, e.Ready)
		}
		assert.Equal(t, []bool{false, true, false}, got)
	})
}

func TestG8AnObserversFaultJoinsTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { panic(errBoom) }))},
			sputnik.WithObserver(func(sputnik.Event) { panic("blind") }))
		require.ErrorContains(t, f.land(), "observer: panic: blind")
	})
}

func TestStatesAfterAFailureAndWithoutSignals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, err := newFlight(t, crew{idle("a", sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom }))})
		require.Error(t, err)
		assert.Equal(t, sputnik.StateFailed, f.block("a").State)
		g := takeOff(t, crew{idle("a")})
		close(g.signals)
		time.Sleep(time.Hour)
		assert.True(t, g.sp.Status().Ready)
		require.NoError(t, g.land())
	})
}

func TestEventsLostAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		f := takeOff(t, crew{idle("a", sputnik.WithOnMsg(func(sputnik.Msg) { panic(1) }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				for range 20000 {
					bc.Send(sputnik.Msg{})
				}
			}))}, sputnik.WithObserver(func(e sputnik.Event) {
			if _, ok := e.(sputnik.ProcessPrepared); ok {
				<-gate
			}
		}))
		close(gate)
		require.Error(t, f.landed())
		require.NotEmpty(t, eventsOf[sputnik.EventsLost](f))
		assert.Greater(t, eventsOf[sputnik.EventsLost](f)[0].Count, 3000)
	})
}

func TestG7StacksAreThoseOfThisFlightOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stop := make(chan struct{})
		wait := sputnik.WithFinish(func(bool) { <-stop })
		other := takeOff(t, crew{idle("same", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			strayGoroutineOfHung(stop)
			return nil
		}))})
		f := takeOff(t, crew{idle("same", wait)})
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, f.land(), &ae)
		assert.NotEmpty(t, ae.Stacks)
		assert.NotContains(t, ae.Stacks, "strayGoroutineOfHung")
		close(stop)
		require.NoError(t, other.land())
	})
}

func TestG9ASecondSignalFreesWhoWaitsInSend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var freed time.Time
		gate := make(chan struct{})
		f := takeOff(t, crew{
			receiver("sink", new(journal), gate, sputnik.WithMailbox(1, sputnik.Wait)),
			idle("source", sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
				for to(t, bc, "sink").Send(sputnik.Msg{}) {
					continue
				}
				freed = time.Now()
				return nil
			})),
			idle("slow", sputnik.WithFinish(func(bool) { time.Sleep(10 * time.Second) })),
		})
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		second := time.Now()
		f.signals <- os.Interrupt
		synctest.Wait()
		assert.Equal(t, second, freed, "not only when its turn comes")
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		close(gate)
		time.Sleep(time.Minute)
	})
}

func TestStatusShowsTheLastError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }),
			sputnik.WithFinish(func(bool) { panic("last") }))})
		require.Error(t, f.landed())
		require.ErrorContains(t, f.block("a").LastError, "last")
	})
}

func TestG7TheLastBlockGetsAllThatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := crew{idle("a")}
		host := idle("host", sputnik.WithFinish(func(bool) { time.Sleep(20 * time.Second) }))
		opts := c.options()
		opts = append(opts, sputnik.WithBlockFactories(sputnik.BlockFactories{"a": c[0].make, "host": host.make}),
			sputnik.WithFinisher(sputnik.BlockDescriptor{Name: "host", Responsibility: "host"}))
		sp, err := sputnik.NewSputnik(opts...)
		require.NoError(t, err)
		launch, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		go shootDown()
		require.NoError(t, launch())
	})
}

func TestG2AnAttachThatHangsIsAbandonedWithItsBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f, err := newFlight(t, crew{
			logging(&j, "a"),
			logging(&j, "b", sputnik.WithAttach(func(sputnik.BlockCommunicator) { time.Sleep(time.Hour) })),
		})
		var ie *sputnik.InitError
		require.ErrorAs(t, err, &ie)
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		assert.Equal(t, []string{"init a", "init b", "finish a true"}, j.all(), "its Finish would meet its Attach")
		assert.Equal(t, sputnik.StateAbandoned, f.block("b").State)
		assert.Len(t, eventsOf[sputnik.BlockAbandoned](f), 1)
		time.Sleep(2 * time.Hour)
	})
}

func TestG5ALongBacklogHasMostOfTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(time.Second) }))})
		for range 16 {
			bc.Send(sputnik.Msg{})
		}
		require.NoError(t, f.land())
	})
}
