package sputnik_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

type heavy [1 << 12]byte

// holding are the callbacks of an instance that has something to hold on to.
func holding(all *[]weak.Pointer[heavy], fails bool) []sputnik.BlockOption {
	h := new(heavy)
	*all = append(*all, weak.Make(h))
	use := func() { runtime.KeepAlive(h) }
	return []sputnik.BlockOption{
		sputnik.WithInit(func(sputnik.ConfFactory) error { use(); return nil }),
		sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error { use(); return untilDone(ctx, bc) }),
		sputnik.WithOnConnect(func(any) { use() }), sputnik.WithOnDisconnect(use),
		sputnik.WithOnMsg(func(m sputnik.Msg) {
			if use(); fails {
				panic(errBoom)
			}
			_ = sputnik.Reply(m, nil)
		}),
		sputnik.WithFinish(func(bool) { use() }),
	}
}

func kept(all []weak.Pointer[heavy]) (n int) {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	for _, p := range all {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

func TestReplacedInstancesAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var all []weak.Pointer[heavy]
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return append(holding(&all, n < 10), onFailure(sputnik.RestartPolicy{Max: 100}))
		}), idle("from", handle(&bc))}, sputnik.WithConnector(&plugIn{j: new(journal)}, time.Hour))
		synctest.Wait()
		before := goroutines()
		for range 20 {
			to(t, bc, "b").Send(sputnik.Msg{})
			time.Sleep(time.Minute)
		}
		require.Len(t, all, 10)
		assert.LessOrEqual(t, goroutines(), before+1, "one for OnMsg")
		assert.Equal(t, 1, kept(all), "the current one")
		require.NoError(t, f.land())
	})
}

func TestRemovedBlocksAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var all []weak.Pointer[heavy]
		var bc sputnik.BlockCommunicator
		c := crew{idle("from", handle(&bc))}
		f := takeOff(t, c, sputnik.WithConnector(&plugIn{j: new(journal)}, time.Hour),
			spare(c, series("b", func(int) []sputnik.BlockOption { return holding(&all, false) })))
		synctest.Wait()
		before := goroutines()
		for range 10 {
			add(t, bc, "b")
			_, err := sputnik.Request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
			require.NoError(t, err)
			require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b"))
		}
		assert.Zero(t, kept(all))
		assert.Equal(t, before, goroutines())
		require.NoError(t, f.land())
	})
}
