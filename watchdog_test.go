package sputnik_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func stallHere(d time.Duration) { time.Sleep(d) }

func TestTheWatchdogTellsOfACallbackThatStalls(t *testing.T) {
	type kind struct {
		callback string
		opts     []sputnik.BlockOption
		panics   bool
	}
	kinds := map[string]kind{}
	stall := func() { stallHere(10 * time.Second) }
	for _, k := range []kind{
		{"OnMsg", []sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { stall() })}, false},
		{"OnServerConnect", []sputnik.BlockOption{sputnik.WithOnConnect(func(c any) {
			if c == 1 {
				stall()
			}
		})}, false},
		{"OnServerDisconnect", []sputnik.BlockOption{sputnik.WithOnDisconnect(stall)}, false},
	} {
		kinds[k.callback] = k
		kinds[k.callback+", serial"] = kind{k.callback, append([]sputnik.BlockOption{sputnik.WithSerialCallbacks()}, k.opts...), false}
	}
	kinds["OnMsg, which then panics"] = kind{
		"OnMsg", []sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { stall(); panic(errBoom) })}, true,
	}
	during(t, kinds, func(t *testing.T, k kind) {
		const limit = 2 * time.Second
		var bc sputnik.BlockCommunicator
		broken := make(chan error, 1)
		f := takeOff(t, crew{
			idle("other", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				go stallHere(time.Minute)
				return untilDone(ctx, bc)
			})),
			idle("b", append([]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) {})}, k.opts...)...), idle("from", handle(&bc)),
		}, sputnik.WithWatchdog(limit), sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, broken}, time.Second))
		broken <- errBoom
		to(t, bc, "b").Send(sputnik.Msg{})
		time.Sleep(9 * time.Second)
		stalled := eventsOf[sputnik.CallbackStalled](f)
		require.Len(t, stalled, 1, "once for each time")
		assert.Equal(t, descriptor("b"), stalled[0].Block)
		assert.Equal(t, k.callback, stalled[0].Callback)
		assert.GreaterOrEqual(t, stalled[0].For, limit)
		assert.LessOrEqual(t, stalled[0].For, limit*3/2)
		assert.Contains(t, stalled[0].Stacks, "stallHere")
		assert.Contains(t, stalled[0].Stacks, `"block":"b"`)
		assert.NotContains(t, stalled[0].Stacks, `"block":"other"`)
		assert.Equal(t, k.callback, f.block("b").Stalled)
		assert.Empty(t, f.block("other").Stalled)
		assert.Empty(t, eventsOf[sputnik.CallbackReturned](f))
		assert.NoError(t, f.sp.Status().Cause, "it only tells")
		time.Sleep(20 * time.Second)
		assert.Empty(t, f.block("b").Stalled)
		returned := eventsOf[sputnik.CallbackReturned](f)
		require.Len(t, returned, 1)
		assert.Equal(t, descriptor("b"), returned[0].Block)
		assert.Equal(t, k.callback, returned[0].Callback)
		assert.InDelta(t, 10, returned[0].Took.Seconds(), limit.Seconds()/2, "as precise as it looks")
		f.shootDown()
		if err := f.landed(); k.panics {
			require.ErrorIs(t, err, errBoom)
		} else {
			require.NoError(t, err)
		}
		assert.Len(t, eventsOf[sputnik.CallbackStalled](f), 1)
		time.Sleep(time.Minute)
	})
}

func TestTheWatchdogsLimits(t *testing.T) {
	type kind struct {
		block []sputnik.BlockOption
		sp    []sputnik.SputnikOption
		limit time.Duration
	}
	during(t, map[string]kind{
		"default": {limit: sputnik.DefaultWatchdog},
		"process": {sp: []sputnik.SputnikOption{sputnik.WithWatchdog(time.Minute)}, limit: time.Minute},
		"block, longer": {
			[]sputnik.BlockOption{sputnik.WithBlockWatchdog(10 * time.Minute)},
			[]sputnik.SputnikOption{sputnik.WithWatchdog(time.Second)},
			10 * time.Minute,
		},
		"block, shorter": {[]sputnik.BlockOption{sputnik.WithBlockWatchdog(10 * time.Millisecond)}, nil, 10 * time.Millisecond},
	}, func(t *testing.T, k kind) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("b", append(k.block, handle(&bc), sputnik.WithOnMsg(func(m sputnik.Msg) {
			time.Sleep(m["for"].(time.Duration))
		}))...)}, k.sp...)
		for range 10 {
			bc.Send(sputnik.Msg{"for": k.limit - 1})
		}
		time.Sleep(12 * k.limit)
		assert.Empty(t, eventsOf[sputnik.CallbackStalled](f), "busy, but each in its limit")
		bc.Send(sputnik.Msg{"for": 2 * k.limit})
		time.Sleep(k.limit * 3 / 2)
		stalled := eventsOf[sputnik.CallbackStalled](f)
		require.Len(t, stalled, 1)
		assert.GreaterOrEqual(t, stalled[0].For, k.limit)
		time.Sleep(2 * k.limit)
		require.NoError(t, f.land())
	})
}

func TestTheWatchdogLeavesTheRestAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func() { time.Sleep(10 * time.Second) }
		f := takeOff(t, crew{idle("b", sputnik.WithInit(func(sputnik.ConfFactory) error { slow(); return nil }),
			sputnik.WithAttach(func(sputnik.BlockCommunicator) { slow() }), sputnik.WithFinish(func(bool) { slow() }))},
			sputnik.WithWatchdog(time.Second))
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
		assert.Empty(t, eventsOf[sputnik.CallbackStalled](f), "Run may take as long as it likes, Init and Finish have limits of their own")
	})
}

func TestABlockThatWaitsForAnotherStallsAsWell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			keeper("b", make(chan sputnik.Msg, 1)),
			idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, _ = sputnik.Request(ctx, to(t, bc, "b"), sputnik.Msg{})
			})),
		})
		bc.Send(sputnik.Msg{})
		time.Sleep(50 * time.Second)
		assert.Equal(t, "OnMsg", f.block("a").Stalled)
		assert.Equal(t, "b", f.block("a").WaitsFor)
		time.Sleep(time.Minute)
		assert.Len(t, eventsOf[sputnik.CallbackReturned](f), 1)
		require.NoError(t, f.land())
	})
}

func TestAStallThatTheFinishAbandonsIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("b", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(never) }))}, sputnik.WithWatchdog(time.Second))
		bc.Send(sputnik.Msg{})
		time.Sleep(time.Minute)
		require.ErrorAs(t, f.land(), new(*sputnik.AbandonedError))
		assert.Len(t, eventsOf[sputnik.CallbackStalled](f), 1)
		assert.Equal(t, sputnik.StateAbandoned, f.block("b").State)
		time.Sleep(2 * never) // and nobody is watched any more
	})
}

func TestAMisusedWatchdogIsAFaultOfTheSetUp(t *testing.T) {
	for i, f := range []func() error{
		func() error { _, err := newFlight(t, crew{idle("a")}, sputnik.WithWatchdog(-1)); return err },
		func() error { _, err := newFlight(t, crew{idle("a", sputnik.WithBlockWatchdog(-1))}); return err },
	} {
		err := f()
		require.ErrorAs(t, err, new(*sputnik.SetupError), "%d", i)
		assert.ErrorContains(t, err, "Watchdog: -1ns")
	}
}

func TestAnAddedBlockIsWatchedByItsOwnLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, spare(c, idle("late", sputnik.WithBlockWatchdog(100*time.Millisecond),
			sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(time.Second) }))), sputnik.WithWatchdog(time.Hour))
		time.Sleep(time.Minute)
		add(t, bc, "late")
		to(t, bc, "late").Send(sputnik.Msg{})
		time.Sleep(200 * time.Millisecond)
		stalled := eventsOf[sputnik.CallbackStalled](f)
		require.Len(t, stalled, 1)
		assert.LessOrEqual(t, stalled[0].For, 150*time.Millisecond)
		require.NoError(t, f.land())
	})
}

func TestAStallIsOverWhenTheCallbackReturnsDuringTheFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("b", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(5 * time.Second) }))},
			sputnik.WithWatchdog(time.Second))
		bc.Send(sputnik.Msg{})
		time.Sleep(3 * time.Second)
		require.Equal(t, "OnMsg", f.block("b").Stalled)
		require.NoError(t, f.land())
		assert.Empty(t, f.block("b").Stalled)
		assert.Len(t, eventsOf[sputnik.CallbackReturned](f), 1)
	})
}

func TestStacksAreTakenHoweverManyOthersHungBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		c := crew{idle("b", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { stallHere(10 * time.Second) }))}
		f := takeOff(t, c, sputnik.WithWatchdog(time.Second), sputnik.WithInitTimeout(time.Second),
			spare(c, idle("slow", sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(2 * time.Second); return nil }))))
		for range 40 {
			require.ErrorIs(t, sputnik.AddBlock(t.Context(), bc, descriptor("slow")), sputnik.ErrTimeout)
		}
		time.Sleep(time.Minute)
		for n := range 40 {
			bc.Send(sputnik.Msg{})
			time.Sleep(time.Minute)
			stalled := eventsOf[sputnik.CallbackStalled](f)
			require.Len(t, stalled, n+1)
			require.Contains(t, stalled[n].Stacks, "stallHere")
		}
		_ = f.land()
	})
}
