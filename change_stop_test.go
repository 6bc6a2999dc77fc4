package sputnik_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestAStopDuringAnAdd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, spare(c, logging(&j, "slow", sputnik.WithInit(func(sputnik.ConfFactory) error {
			time.Sleep(3 * time.Second)
			return nil
		})), logging(&j, "next")))
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- sputnik.AddBlock(t.Context(), bc, descriptor("slow")) }()
		synctest.Wait()
		go func() { second <- sputnik.AddBlock(t.Context(), bc, descriptor("next")) }()
		synctest.Wait()
		f.shootDown()
		require.ErrorIs(t, <-second, sputnik.ErrNotRunning)
		err := <-first
		require.ErrorAs(t, err, new(*sputnik.InitError))
		require.ErrorIs(t, err, sputnik.ErrShootDown)
		require.NoError(t, f.landed())
		assert.Equal(t, []string{"finish slow true"}, j.all(), "its Init had succeeded (G2)")
	})
}

func TestAStopDuringAnAddThatHangs(t *testing.T) {
	hang := func() { time.Sleep(never) }
	type kind struct {
		factory func()
		opt     sputnik.BlockOption
	}
	during(t, map[string]kind{
		"factory": {hang, sputnik.WithInit(noInit)},
		"Init":    {func() {}, sputnik.WithInit(func(sputnik.ConfFactory) error { hang(); return nil })},
		"Attach":  {func() {}, sputnik.WithAttach(func(sputnik.BlockCommunicator) { hang() })},
		"Finish": {func() {}, sputnik.BlockOption(func(b *sputnik.Block) {
			sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) })(b)
			sputnik.WithFinish(func(bool) { hang() })(b)
		})},
	}, func(t *testing.T, k kind) {
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, sputnik.WithFinishTimeout(3*time.Second), spare(c, member{"late", func() *sputnik.Block {
			k.factory()
			return idle("late", k.opt, sputnik.WithBlockFinishTimeout(time.Hour)).make()
		}}))
		added := make(chan error, 1)
		go func() { added <- sputnik.AddBlock(t.Context(), bc, descriptor("late")) }()
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		f.shootDown()
		_ = f.landed()
		assert.LessOrEqual(t, time.Since(began), 5*time.Second, "G7 holds")
		require.Error(t, <-added)
		time.Sleep(2 * never)
	})
}

func TestChangesAtTheMomentOfAStop(t *testing.T) {
	for range 200 {
		bubble(t, func(t *testing.T) {
			var bc sputnik.BlockCommunicator
			var inits, runs, finishes atomic.Int32
			c := crew{idle("a"), idle("from", handle(&bc))}
			f := takeOff(t, c, spare(c, idle("late",
				sputnik.WithInit(func(sputnik.ConfFactory) error { inits.Add(1); return nil }),
				sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
					runs.Add(1)
					<-ctx.Done()
					return nil
				}),
				sputnik.WithFinish(func(bool) { finishes.Add(1) }))))
			errs := make(chan error, 2)
			go f.shootDown()
			go func() { errs <- sputnik.AddBlock(t.Context(), bc, descriptor("late")) }()
			go func() { errs <- sputnik.RemoveBlock(t.Context(), bc, "a") }()
			for range 2 {
				if err := <-errs; err != nil && !errors.As(err, new(*sputnik.InitError)) {
					require.ErrorIs(t, err, sputnik.ErrNotRunning)
				}
			}
			require.NoError(t, f.landed())
			assert.Equal(t, inits.Load(), finishes.Load(), "what came up goes down, once")
			assert.LessOrEqual(t, runs.Load(), inits.Load())
		})
	}
}

func TestAnAddedBlockThatFailsIsAsAnyOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{logging(&j, "a", handle(&bc))}
		f := takeOff(t, c, spare(c, idle("late", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }))))
		add(t, bc, "late")
		err := f.landed()
		require.ErrorIs(t, err, errBoom)
		var be *sputnik.BlockError
		require.ErrorAs(t, err, &be)
		assert.Equal(t, descriptor("late"), be.Block)
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
	})
}

func TestASecondSignalEndsAChange(t *testing.T) {
	hang := func() { time.Sleep(never) }
	during(t, map[string]func(t *testing.T, bc sputnik.BlockCommunicator) error{
		"add": func(t *testing.T, bc sputnik.BlockCommunicator) error {
			return sputnik.AddBlock(t.Context(), bc, descriptor("late"))
		},
		"remove": func(t *testing.T, bc sputnik.BlockCommunicator) error {
			return sputnik.RemoveBlock(t.Context(), bc, "b")
		},
	}, func(t *testing.T, change func(t *testing.T, bc sputnik.BlockCommunicator) error) {
		var bc sputnik.BlockCommunicator
		c := crew{idle("b", sputnik.WithFinish(func(bool) { hang() })), idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, idle("late", sputnik.WithInit(func(sputnik.ConfFactory) error { hang(); return nil }))))
		changed := make(chan error, 1)
		go func() { changed <- change(t, bc) }()
		synctest.Wait()
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		began := time.Now()
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		assert.LessOrEqual(t, time.Since(began), 2*time.Second)
		require.Error(t, <-changed)
		time.Sleep(2 * never)
	})
}

func TestAChangeInProgressCostsTheOthersNothingAtAStop(t *testing.T) {
	type kind struct {
		change  func(t *testing.T, bc sputnik.BlockCommunicator) error
		factory func()
	}
	add := func(t *testing.T, bc sputnik.BlockCommunicator) error {
		return sputnik.AddBlock(t.Context(), bc, descriptor("late"))
	}
	during(t, map[string]kind{
		"a removal that takes its time": {func(t *testing.T, bc sputnik.BlockCommunicator) error {
			return sputnik.RemoveBlock(t.Context(), bc, "slow")
		}, nil},
		"a factory that hangs": {add, func() { time.Sleep(never) }},
		"an Init that hangs":   {add, func() {}},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{
			idle("sink", sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(100 * time.Millisecond); j.add("%v", m["n"]) })),
			idle("slow", sputnik.WithBlockFinishTimeout(20*time.Second), sputnik.WithFinish(func(bool) { time.Sleep(15 * time.Second) })),
			idle("from", handle(&bc)),
		}
		f := takeOff(t, c, spare(c, member{"late", func() *sputnik.Block {
			k.factory()
			return idle("late", sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(never); return nil })).make()
		}}))
		changed := make(chan error, 1)
		go func() { changed <- k.change(t, bc) }()
		time.Sleep(time.Second)
		f.shootDown()
		for n := range 20 {
			require.True(t, to(t, bc, "sink").Send(sputnik.Msg{"n": n}))
		}
		_ = f.landed()
		<-changed
		assert.Len(t, j.all(), 20, "there was time enough")
		assert.Empty(t, eventsOf[sputnik.ProcessHurried](f))
		time.Sleep(2 * never)
	})
}
