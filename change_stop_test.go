package sputnik_test

import (
	"context"
	"errors"
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
