package sputnik_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// circles returns those in a list that says for each block which one it waits for, or -1.
func circles(waits []int) (all []string) {
	for i := range waits {
		on := []string{}
		k := i
		for ; k >= 0 && len(on) <= len(waits); k = waits[k] {
			if k == i && len(on) > 0 {
				break
			}
			on = append(on, fmt.Sprint("b", k))
		}
		if k == i && len(on) > 1 && slices.Min(on) == on[0] {
			all = append(all, strings.Join(on, " "))
		}
	}
	slices.Sort(all)
	return all
}

// Blocks that ask each other at random; at any moment the circles told are those that there are.
func TestTheWaitCyclesToldAreThoseThatThereAre(t *testing.T) {
	const blocks = 6
	seen := 0
	for range 5 {
		seed := rand.Uint64()
		bubble(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			var mu sync.Mutex
			rng := chance(seed)
			own := make([]sputnik.BlockCommunicator, blocks)
			waits := make([]int, blocks)
			var c crew
			for i := range blocks {
				waits[i] = -1
				note := func(k int) {
					mu.Lock()
					defer mu.Unlock()
					waits[i] = k
				}
				c = append(c, idle(fmt.Sprint("b", i), handle(&own[i]), sputnik.WithOnMsg(func(m sputnik.Msg) {
					time.Sleep(time.Duration(rng(10_000_000)))
					if hops := m["hops"].(int); hops > 0 {
						k := (i + 1 + rng(blocks-1)) % blocks
						ctx, cancel := context.WithTimeout(context.Background(), time.Duration(10_000_000+rng(100_000_000)))
						note(k)
						_, _ = sputnik.Request(ctx, to(t, own[i], fmt.Sprint("b", k)), sputnik.Msg{"hops": hops - 1})
						note(-1)
						cancel()
					}
					_ = sputnik.Reply(m, nil)
				})))
			}
			f := takeOff(t, c)
			told := 0
			for range 400 {
				own[rng(blocks)].Send(sputnik.Msg{"hops": 3})
				time.Sleep(time.Duration(rng(40_000_000)))
				synctest.Wait()
				var got []string
				for _, circle := range f.sp.Status().WaitCycles {
					got = append(got, strings.Join(responsibilities(circle), " "))
				}
				slices.Sort(got)
				mu.Lock()
				now := slices.Clone(waits)
				mu.Unlock()
				want := circles(now)
				require.Equal(t, want, got, "%v", now)
				for i, k := range now {
					resp := ""
					if k >= 0 {
						resp = fmt.Sprint("b", k)
					}
					require.Equal(t, resp, f.block(fmt.Sprint("b", i)).WaitsFor)
				}
				told += len(want)
			}
			assert.GreaterOrEqual(t, len(eventsOf[sputnik.WaitCycle](f)), min(told, 1))
			seen += told
			time.Sleep(time.Hour)
			require.NoError(t, f.land())
		})
	}
	assert.NotZero(t, seen, "or nothing was tested")
}
