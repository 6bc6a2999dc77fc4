package sputnik_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestARemovedBlockFinishesAsAtShutdownAndAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc, self sputnik.BlockCommunicator
		f := takeOff(t, crew{
			logging(&j, "a"), receiver("sink", &j, nil),
			idle("b",
				sputnik.WithRunContext(func(ctx context.Context, own sputnik.BlockCommunicator) error {
					self = own
					<-ctx.Done()
					j.add("context ended: %v", context.Cause(ctx))
					var by *sputnik.RemoveRequestError
					assert.ErrorAs(t, context.Cause(ctx), &by)
					assert.Equal(t, descriptor("z"), by.By)
					time.Sleep(time.Second)
					assert.True(t, to(t, own, "sink").Send(sputnik.Msg{"n": "flushed"}))
					return ctx.Err()
				}),
				sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); j.add("msg %v, more: %v", m["n"], self.Send(m)) }),
				sputnik.WithOnConnect(func(any) { j.add("up") }),
				sputnik.WithOnDisconnect(func() { j.add("down") }),
				sputnik.WithFinish(func(init bool) { j.add("finish b %v", init) }),
			),
			logging(&j, "z", handle(&bc)),
		}, sputnik.WithConnector(&plugIn{j: &j}, 0))
		old := to(t, bc, "b")
		for n := range 3 {
			assert.True(t, old.Send(sputnik.Msg{"n": n}))
		}
		began := time.Now()
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b"))
		assert.Equal(t, 4*time.Second, time.Since(began))
		_, ok := bc.Communicator("b")
		assert.False(t, ok)
		assert.False(t, old.Send(sputnik.Msg{}), "old handles say no")
		for _, bc := range []sputnik.BlockCommunicator{old, decorated{old}} {
			_, err := sputnik.Request(t.Context(), bc, sputnik.Msg{})
			require.ErrorIs(t, err, sputnik.ErrBlockEnded, "%T", bc)
		}
		s := f.sp.Status()
		assert.True(t, s.Ready, s.Reason)
		assert.Len(t, s.Blocks, 5)
		assert.False(t, slices.ContainsFunc(s.Blocks, func(b sputnik.BlockStatus) bool { return b.Block == descriptor("b") }))
		synctest.Wait() // for the events
		finishing := eventsOf[sputnik.BlockFinishing](f)
		require.Len(t, finishing, 1)
		assert.Equal(t, descriptor("b"), finishing[0].Block)
		require.ErrorAs(t, finishing[0].Cause, new(*sputnik.RemoveRequestError))
		finished := eventsOf[sputnik.BlockFinished](f)
		require.Len(t, finished, 1)
		assert.Equal(t, uint64(3), finished[0].Mailbox.Handled)
		time.Sleep(time.Minute)
		gone := j.all()
		require.NoError(t, f.land())
		for _, e := range eventsOf[sputnik.BlockFinishing](f)[1:] {
			assert.NoError(t, e.Cause, "the end of the process needs no other")
		}
		assert.Contains(t, gone, "flushed")
		assert.Equal(t, []string{"msg 0, more: false", "msg 1, more: false", "msg 2, more: false"}, j.with("msg"))
		assert.Equal(t, []string{"up"}, j.with("up", "down"))
		assert.Equal(t, []string{"finish b false"}, slices.DeleteFunc(gone, func(l string) bool { return !strings.HasPrefix(l, "finish") }))
		assert.Equal(t, []string{"finish b false", "finish z false", "ran z", "finish a false", "ran a", "disconnect"},
			j.with("finish", "ran", "disconnect"))
	})
}

func TestWhatCanNotBeRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var byRun, byPeer error
		c := crew{idle("other"), idle("a", handle(&bc), sputnik.WithRunContext(func(ctx context.Context, own sputnik.BlockCommunicator) error {
			byRun = sputnik.RemoveBlock(ctx, own, "a")
			byPeer = sputnik.RemoveBlock(ctx, decorated{to(t, own, "other")}, "a")
			<-ctx.Done()
			return nil
		}))}
		host := sputnik.BlockDescriptor{Name: "host", Responsibility: "ground control"}
		f := takeOff(t, c, spare(c, idle("host")), sputnik.WithFinisher(host), sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
		require.ErrorIs(t, byRun, sputnik.ErrSelf)
		require.ErrorIs(t, byPeer, sputnik.ErrSelf)
		for resp, is := range map[string]error{
			"nobody": sputnik.ErrNoBlock, "": sputnik.ErrNoBlock, "finisher": sputnik.ErrNoBlock,
			"ground control": sputnik.ErrReserved, "connector": sputnik.ErrReserved, "initiator": sputnik.ErrReserved,
		} {
			require.ErrorIs(t, sputnik.RemoveBlock(t.Context(), bc, resp), is, resp)
		}
		assert.True(t, f.sp.Status().Ready)
		require.NoError(t, f.land())
		assert.Len(t, f.sp.Status().Blocks, 4)
	})
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc))})
		require.ErrorIs(t, sputnik.RemoveBlock(t.Context(), bc, sputnik.DefaultFinisherResponsibility), sputnik.ErrReserved)
		require.NoError(t, f.land())
	})
}

func TestWhatGoesWrongInARemovalIsTold(t *testing.T) {
	hang := func() { time.Sleep(never) }
	type kind struct {
		opt      sputnik.BlockOption
		check    func(t *testing.T, err error)
		after    time.Duration
		abandons string
	}
	is := func(callback string, want error) func(t *testing.T, err error) {
		return func(t *testing.T, err error) {
			var be *sputnik.BlockError
			require.ErrorAs(t, err, &be)
			assert.Equal(t, callback, be.Callback)
			assert.Equal(t, descriptor("b"), be.Block)
			require.ErrorIs(t, err, want)
		}
	}
	unhandled := func(t *testing.T, err error) {
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, err, &ue)
		assert.Equal(t, descriptor("b"), ue.Block)
	}
	during(t, map[string]kind{
		"Finish panics": {sputnik.WithFinish(func(bool) { panic(errBoom) }), is("Finish", errBoom), 0, ""},
		"Finish exits":  {sputnik.WithFinish(func(bool) { runtime.Goexit() }), is("Finish", sputnik.ErrGoexit), 0, ""},
		"Run fails": {sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			<-ctx.Done()
			return errBoom
		}), is("Run", errBoom), 0, ""},
		"a backlog": {
			sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(1200 * time.Millisecond) }), unhandled, 3600 * time.Millisecond, "",
		},
		"Finish hangs": {sputnik.WithFinish(func(bool) { hang() }), nil, 4 * time.Second, "Finish"},
		"OnMsg hangs":  {sputnik.WithOnMsg(func(sputnik.Msg) { hang() }), unhandled, 4 * time.Second, "OnMsg"},
		"Run hangs": {sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			hang()
			return nil
		}), nil, 4 * time.Second, "Run"},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			logging(&j, "a"),
			idle("b", sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithBlockFinishTimeout(4*time.Second), k.opt),
			idle("from", handle(&bc)),
		})
		for range 5 {
			to(t, bc, "b").Send(sputnik.Msg{})
		}
		synctest.Wait()
		began := time.Now()
		err := sputnik.RemoveBlock(t.Context(), bc, "b")
		synctest.Wait() // for the events
		assert.InDelta(t, k.after.Seconds(), time.Since(began).Seconds(), 0.1)
		if k.check != nil {
			k.check(t, err)
		}
		var ae *sputnik.AbandonedError
		if k.abandons != "" {
			require.ErrorAs(t, err, &ae)
			assert.Equal(t, descriptor("b"), ae.Block)
			assert.Equal(t, []string{k.abandons}, ae.Callbacks)
			assert.Contains(t, ae.Stacks, "TestWhatGoesWrongInARemoval")
			assert.Len(t, eventsOf[sputnik.BlockAbandoned](f), 1)
		} else {
			assert.NotErrorAs(t, err, &ae)
		}
		time.Sleep(time.Minute)
		assert.True(t, f.sp.Status().Ready, "nobody else is concerned: %s", f.sp.Status().Reason)
		_, ok := bc.Communicator("b")
		assert.False(t, ok, "it is gone even so")
		require.ErrorIs(t, sputnik.RemoveBlock(t.Context(), bc, "b"), sputnik.ErrNoBlock)
		assert.Empty(t, j.with("finish"))
		if err = f.land(); k.abandons != "" {
			var again *sputnik.AbandonedError
			require.ErrorAs(t, err, &again)
			assert.Equal(t, descriptor("b"), again.Block)
			require.ErrorIs(t, err, sputnik.ErrShootDown)
		}
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		time.Sleep(2 * never)
	})
}

func TestARemovalTakesAShareOfTheFinishLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("b", sputnik.WithFinish(func(bool) { time.Sleep(never) })), idle("from", handle(&bc))},
			sputnik.WithFinishTimeout(10*time.Second))
		began := time.Now()
		require.ErrorAs(t, sputnik.RemoveBlock(t.Context(), bc, "b"), new(*sputnik.AbandonedError))
		assert.Positive(t, time.Since(began))
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
		require.ErrorAs(t, f.land(), new(*sputnik.AbandonedError))
		time.Sleep(2 * never)
	})
}

func TestARemovedResponsibilityIsFreeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		n := 0
		c := crew{member{"b", func() *sputnik.Block {
			n++
			me := n
			return idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { j.add("%d got %v", me, m["n"]) })).make()
		}}, idle("from", handle(&bc))}
		f := takeOff(t, c)
		old := to(t, bc, "b")
		assert.True(t, old.Send(sputnik.Msg{"n": 1}))
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b"))
		add(t, bc, "b")
		assert.False(t, old.Send(sputnik.Msg{"n": 2}), "it was a handle on another block")
		for _, bc := range []sputnik.BlockCommunicator{old, decorated{old}} {
			_, err := sputnik.Request(t.Context(), bc, sputnik.Msg{})
			require.ErrorIs(t, err, sputnik.ErrBlockEnded, "%T", bc)
		}
		assert.True(t, to(t, bc, "b").Send(sputnik.Msg{"n": 3}))
		assert.Len(t, f.sp.Status().Blocks, 3)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"1 got 1", "2 got 3"}, j.all())
	})
}

func TestSendersThatWaitForARemovedBlockAreFreed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{receiver("b", new(journal), gate, sputnik.WithMailbox(1, sputnik.Wait)), idle("from", handle(&bc))})
		peer := to(t, bc, "b")
		sent := make(chan bool, 3)
		for range 3 {
			go func() { sent <- peer.Send(sputnik.Msg{}) }()
			synctest.Wait()
		}
		removed := make(chan error)
		go func() { removed <- sputnik.RemoveBlock(t.Context(), bc, "b") }()
		synctest.Wait()
		assert.Equal(t, []bool{true, true, false}, []bool{<-sent, <-sent, <-sent})
		close(gate)
		require.NoError(t, <-removed)
		require.NoError(t, f.land())
	})
}

func TestOneOfTwoRemovalsFindsTheBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var finishes atomic.Int32
		f := takeOff(t, crew{idle("b", sputnik.WithFinish(func(bool) { finishes.Add(1); time.Sleep(time.Second) })), idle("from", handle(&bc))})
		errs := make(chan error)
		for range 2 {
			go func() { errs <- sputnik.RemoveBlock(t.Context(), bc, "b") }()
		}
		one, other := <-errs, <-errs
		if one != nil { // both come at the same instant
			one, other = other, one
		}
		require.NoError(t, one)
		require.ErrorIs(t, other, sputnik.ErrNoBlock)
		require.NoError(t, f.land())
		assert.Equal(t, int32(1), finishes.Load())
	})
}

func TestTwoBlocksThatRemoveEachOther(t *testing.T) {
	type kind func(t *testing.T, resp, other string) member
	during(t, map[string]kind{
		"in Run": func(_ *testing.T, resp, other string) member {
			return idle(resp, sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				time.Sleep(time.Second)
				_ = sputnik.RemoveBlock(ctx, bc, other)
				<-ctx.Done()
				return nil
			}))
		},
		"in OnMsg, with a context that doesn't end": func(t *testing.T, resp, other string) member {
			var own sputnik.BlockCommunicator
			return idle(resp, sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc; bc.Send(sputnik.Msg{}) }),
				sputnik.WithOnMsg(func(sputnik.Msg) {
					time.Sleep(time.Second)
					if err := sputnik.RemoveBlock(context.Background(), own, other); err != nil {
						assert.ErrorIs(t, err, sputnik.ErrNotRunning)
					}
				}))
		},
	}, func(t *testing.T, rival kind) {
		f := takeOff(t, crew{rival(t, "a", "b"), rival(t, "b", "a"), idle("c")})
		began := time.Now()
		time.Sleep(time.Minute)
		assert.Len(t, f.sp.Status().Blocks, 3, "one of them is gone, and only one")
		assert.True(t, f.sp.Status().Ready)
		for _, e := range eventsOf[sputnik.BlockFinished](f) {
			assert.Equal(t, time.Second, e.Time.Sub(began), "nobody waits for his own end")
		}
		assert.Empty(t, eventsOf[sputnik.BlockAbandoned](f))
		require.NoError(t, f.land())
	})
}

func TestAStopDuringARemoval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			logging(&j, "a"), idle("b", sputnik.WithFinish(func(bool) { j.add("finish b"); time.Sleep(3 * time.Second); j.add("finished b") })),
			logging(&j, "from", handle(&bc)),
		})
		removed := make(chan error, 1)
		go func() { removed <- sputnik.RemoveBlock(t.Context(), bc, "b") }()
		time.Sleep(time.Second)
		require.NoError(t, f.land())
		if err := <-removed; err != nil {
			require.ErrorIs(t, err, sputnik.ErrNotRunning)
		}
		assert.Len(t, j.with("finish b"), 1)
		assert.Len(t, j.with("finished b"), 1)
		assert.Equal(t, []string{"finish from false", "finish a false"}, j.with("finish from", "finish a"))
	})
}

func TestManyChangesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const each = 10
		var bc sputnik.BlockCommunicator
		var began, ended atomic.Int32
		c := crew{idle("from", handle(&bc))}
		var more []member
		for n := range 20 {
			more = append(more, echo(fmt.Sprint("b", n), sputnik.WithInit(func(sputnik.ConfFactory) error { began.Add(1); return nil }),
				sputnik.WithFinish(func(init bool) { assert.False(t, init); ended.Add(1) })))
		}
		f := takeOff(t, c, spare(c, more...))
		var wg sync.WaitGroup
		for _, m := range more {
			wg.Go(func() {
				for n := range each {
					add(t, bc, m.resp)
					got, err := sputnik.Request(t.Context(), to(t, bc, m.resp), sputnik.Msg{"q": n})
					assert.NoError(t, err)
					assert.Equal(t, n, got["a"])
					sputnik.Broadcast(bc, sputnik.Msg{}, nil)
					f.sp.Status()
					assert.NoError(t, sputnik.RemoveBlock(t.Context(), bc, m.resp))
				}
			})
		}
		wg.Wait()
		assert.Len(t, f.sp.Status().Blocks, 2)
		require.NoError(t, f.land())
		assert.Equal(t, int32(20*each), began.Load())
		assert.Equal(t, began.Load(), ended.Load())
	})
}

func TestManyRivalsForOneResponsibility(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var flying atomic.Int32
		c := crew{idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, idle("b", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			assert.Equal(t, int32(1), flying.Add(1), "one of a name at a time")
			<-ctx.Done()
			flying.Add(-1)
			return nil
		}))))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 10 {
					if err := sputnik.AddBlock(t.Context(), bc, descriptor("b")); err != nil {
						assert.ErrorAs(t, err, new(*sputnik.SetupError))
					}
					if err := sputnik.RemoveBlock(t.Context(), bc, "b"); err != nil {
						assert.ErrorIs(t, err, sputnik.ErrNoBlock)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, f.land())
	})
}

func TestAStopDuringARemovalThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			logging(&j, "a"), idle("b", sputnik.WithBlockFinishTimeout(time.Hour), sputnik.WithFinish(func(bool) { time.Sleep(never) })),
			idle("from", handle(&bc)),
		}, sputnik.WithFinishTimeout(10*time.Second))
		removed := make(chan error, 1)
		go func() { removed <- sputnik.RemoveBlock(t.Context(), bc, "b") }()
		time.Sleep(time.Second)
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), 12*time.Second, "G7 holds")
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		assert.Equal(t, descriptor("b"), ae.Block)
		require.Error(t, <-removed)
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		time.Sleep(2 * never)
	})
}

func TestEachRemovedBlockThatHangsIsInTheErrorOfTheFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const all = 40
		var bc sputnik.BlockCommunicator
		c := crew{idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, idle("b", sputnik.WithFinish(func(bool) { time.Sleep(never) }))))
		for range all {
			add(t, bc, "b")
			require.ErrorAs(t, sputnik.RemoveBlock(t.Context(), bc, "b"), new(*sputnik.AbandonedError))
		}
		var fe *sputnik.FlightError
		require.ErrorAs(t, f.land(), &fe)
		assert.Len(t, fe.Faults, all)
		time.Sleep(2 * never)
	})
}
