package sputnik_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// waiting is a way to wait for another block in OnMsg, a minute at most.
type waiting func(peer sputnik.BlockCommunicator)

func bySend(peer sputnik.BlockCommunicator) {
	for range 3 { // one is handled, one waits, one doesn't fit
		peer.Send(sputnik.Msg{})
	}
}

func byRequest(peer sputnik.BlockCommunicator) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = sputnik.Request(ctx, peer, sputnik.Msg{})
}

// ring is a crew of blocks that wait each for the next when they get "go".
func ring(ways []waiting, own []sputnik.BlockCommunicator) (c crew) {
	for i, wait := range ways {
		next := fmt.Sprint("b", (i+1)%len(ways))
		c = append(c, idle(fmt.Sprint("b", i), handle(&own[i]), sputnik.WithMailbox(1, sputnik.Wait), sputnik.WithOnMsg(func(m sputnik.Msg) {
			if m["go"] != nil {
				time.Sleep(m["go"].(time.Duration))
				peer, _ := own[i].Communicator(next)
				wait(peer)
			}
			_ = sputnik.Reply(m, nil)
		})))
	}
	return c
}

func TestAWaitCycleIsTold(t *testing.T) {
	type kind struct {
		ways []waiting
		ends bool // by itself
	}
	during(t, map[string]kind{
		"two in Send":      {[]waiting{bySend, bySend}, false},
		"three in Send":    {[]waiting{bySend, bySend, bySend}, false},
		"two in Request":   {[]waiting{byRequest, byRequest}, true},
		"three in Request": {[]waiting{byRequest, byRequest, byRequest}, true},
		"both ways":        {[]waiting{bySend, byRequest, bySend, byRequest}, true},
	}, func(t *testing.T, k kind) {
		own := make([]sputnik.BlockCommunicator, len(k.ways))
		f := takeOff(t, append(ring(k.ways, own), idle("bystander")))
		began := time.Now()
		for i, bc := range own {
			bc.Send(sputnik.Msg{"go": time.Duration(i+1) * time.Second})
		}
		time.Sleep(30 * time.Second)
		told := eventsOf[sputnik.WaitCycle](f)
		require.Len(t, told, 1)
		assert.Equal(t, time.Duration(len(own))*time.Second, told[0].Time.Sub(began), "at the moment it closes")
		require.Len(t, told[0].Blocks, len(own))
		for i, d := range told[0].Blocks {
			assert.Equal(t, told[0].Blocks[(i+1)%len(own)].Responsibility, f.block(d.Responsibility).WaitsFor, "each waits for the next")
		}
		require.Len(t, f.sp.Status().WaitCycles, 1)
		assert.ElementsMatch(t, told[0].Blocks, f.sp.Status().WaitCycles[0])
		assert.Empty(t, f.block("bystander").WaitsFor)
		if k.ends {
			time.Sleep(2 * time.Minute)
			assert.Empty(t, f.sp.Status().WaitCycles)
			for i := range own {
				assert.Empty(t, f.block(fmt.Sprint("b", i)).WaitsFor)
			}
		}
		f.shootDown()
		_ = f.landed()
		assert.Empty(t, f.sp.Status().WaitCycles)
		assert.Len(t, eventsOf[sputnik.WaitCycle](f), 1)
	})
}

func TestAWaitCycleThatComesAgainIsToldAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		own := make([]sputnik.BlockCommunicator, 2)
		f := takeOff(t, ring([]waiting{byRequest, byRequest}, own))
		for n := range 3 {
			for _, bc := range own {
				bc.Send(sputnik.Msg{"go": time.Second})
			}
			time.Sleep(5 * time.Minute)
			assert.Len(t, eventsOf[sputnik.WaitCycle](f), n+1)
			assert.Empty(t, f.sp.Status().WaitCycles)
		}
		require.NoError(t, f.land())
	})
}

func TestAWaitCycleEndsWithTheRemovalOfABlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		own := make([]sputnik.BlockCommunicator, 2)
		f := takeOff(t, append(ring([]waiting{bySend, bySend}, own), idle("from", handle(&bc))))
		for _, b := range own {
			b.Send(sputnik.Msg{"go": time.Second})
		}
		time.Sleep(time.Minute)
		require.Len(t, f.sp.Status().WaitCycles, 1)
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b1"))
		synctest.Wait()
		assert.Empty(t, f.sp.Status().WaitCycles)
		assert.Empty(t, f.block("b0").WaitsFor)
		require.NoError(t, f.land())
	})
}

func TestABlockThatWaitsSaysForWhom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); _ = sputnik.Reply(m, nil) })),
			idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) {
				_, err := sputnik.Request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
				assert.NoError(t, err)
				time.Sleep(time.Second)
			})),
		})
		bc.Send(sputnik.Msg{})
		synctest.Wait()
		assert.Equal(t, "b", f.block("a").WaitsFor)
		assert.Empty(t, f.block("b").WaitsFor)
		assert.Empty(t, f.sp.Status().WaitCycles)
		time.Sleep(1500 * time.Millisecond)
		assert.Empty(t, f.block("a").WaitsFor)
		require.NoError(t, f.land())
	})
}

func TestWhatIsNoWaitCycle(t *testing.T) {
	ask := func(t *testing.T, bc sputnik.BlockCommunicator, resp string) {
		_, err := sputnik.Request(context.Background(), to(t, bc, resp), sputnik.Msg{})
		assert.NoError(t, err)
	}
	type kind func(t *testing.T, a *sputnik.BlockCommunicator, b *sputnik.BlockCommunicator) crew
	during(t, map[string]kind{
		"Run waits, OnMsg is free": func(t *testing.T, a, b *sputnik.BlockCommunicator) crew {
			return crew{
				idle("a", handle(a), sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); _ = sputnik.Reply(m, nil) }),
					sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
						ask(t, bc, "b")
						return untilDone(ctx, bc)
					})),
				idle("b", handle(b), sputnik.WithOnMsg(func(m sputnik.Msg) { ask(t, *b, "a"); _ = sputnik.Reply(m, nil) })),
			}
		},
		"a goroutine of OnMsg waits, OnMsg goes on": func(t *testing.T, a, b *sputnik.BlockCommunicator) crew {
			return crew{
				idle("a", handle(a), sputnik.WithOnMsg(func(m sputnik.Msg) {
					if m["go"] != nil {
						go ask(t, *a, "b")
						time.Sleep(time.Second)
					}
					_ = sputnik.Reply(m, nil)
				}), sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { *a = bc; bc.Send(sputnik.Msg{"go": 1}) })),
				idle("b", handle(b), sputnik.WithOnMsg(func(m sputnik.Msg) { ask(t, *b, "a"); _ = sputnik.Reply(m, nil) })),
			}
		},
		"the answer comes from elsewhere": func(t *testing.T, a, b *sputnik.BlockCommunicator) crew {
			asked := make(chan sputnik.Msg, 1)
			return crew{
				idle("a", handle(a), sputnik.WithOnMsg(func(m sputnik.Msg) {
					if m["go"] != nil {
						to(t, *a, "b").Send(sputnik.Msg{"then": 1})
						ask(t, *a, "b")
					}
					_ = sputnik.Reply(m, nil)
				}), sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { *a = bc; bc.Send(sputnik.Msg{"go": 1}) })),
				idle("b", handle(b), sputnik.WithOnMsg(func(m sputnik.Msg) {
					switch m["then"] {
					case nil:
						asked <- m // Run answers
						to(t, *b, "b").Send(sputnik.Msg{"then": 2})
					case 2:
						ask(t, *b, "a")
					}
				}), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
					m := <-asked
					time.Sleep(time.Second)
					assert.NoError(t, sputnik.Reply(m, nil))
					return untilDone(ctx, bc)
				})),
			}
		},
		"the request was passed on": func(t *testing.T, a, b *sputnik.BlockCommunicator) crew {
			return crew{
				idle("c", sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); _ = sputnik.Reply(m, nil) })),
				idle("a", handle(a), sputnik.WithOnMsg(func(m sputnik.Msg) {
					if m["go"] != nil {
						ask(t, *a, "b")
					}
					_ = sputnik.Reply(m, nil)
				}), sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { *a = bc; bc.Send(sputnik.Msg{"go": 1}) })),
				idle("b", handle(b), sputnik.WithOnMsg(func(m sputnik.Msg) {
					to(t, *b, "c").Send(m) // who answers a's OnMsg, so that it can answer b's
					ask(t, *b, "a")
				})),
			}
		},
		"a borrowed handle": func(t *testing.T, a, b *sputnik.BlockCommunicator) crew {
			return crew{ // b's OnMsg waits for c; c's waits, by a handle of b's, for a, whose OnMsg waits for b
				idle("a", handle(a), sputnik.WithOnMsg(func(m sputnik.Msg) {
					if m["go"] != nil {
						to(t, *a, "b").Send(sputnik.Msg{})
						time.Sleep(time.Second)
						ask(t, *a, "b")
					}
					_ = sputnik.Reply(m, nil)
				}), sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { *a = bc; bc.Send(sputnik.Msg{"go": 1}) })),
				idle("b", handle(b), sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(2 * time.Second); _ = sputnik.Reply(m, nil) })),
				idle("c", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
					time.Sleep(1500 * time.Millisecond)
					ask(t, *b, "a") // b's OnMsg is busy, but doesn't wait
					return untilDone(ctx, bc)
				})),
			}
		},
	}, func(t *testing.T, k kind) {
		var a, b sputnik.BlockCommunicator
		f := takeOff(t, k(t, &a, &b))
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			assert.Empty(t, f.sp.Status().WaitCycles)
		}
		require.NoError(t, f.land())
		assert.Empty(t, eventsOf[sputnik.WaitCycle](f))
	})
}

// An answer ends the wait at once, even before the asker has noticed.
func TestOneWhoIsAnsweredWaitsNoMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var a, b sputnik.BlockCommunicator
		var rounds atomic.Int32
		const all = 2000
		f := takeOff(t, crew{
			idle("a", handle(&a), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if m["go"] != nil {
					_, err := sputnik.Request(t.Context(), to(t, a, "b"), sputnik.Msg{})
					assert.NoError(t, err)
				}
				_ = sputnik.Reply(m, nil)
			})),
			idle("b", handle(&b), sputnik.WithOnMsg(func(m sputnik.Msg) {
				_ = sputnik.Reply(m, nil)
				_, err := sputnik.Request(t.Context(), to(t, b, "a"), sputnik.Msg{})
				assert.NoError(t, err)
				if rounds.Add(1) < all {
					to(t, b, "a").Send(sputnik.Msg{"go": 1})
				}
			})),
		})
		a.Send(sputnik.Msg{"go": 1})
		synctest.Wait()
		assert.Equal(t, int32(all), rounds.Load())
		assert.Empty(t, eventsOf[sputnik.WaitCycle](f))
		require.NoError(t, f.land())
	})
}

func TestLongChainsUnderPressureAreNoCycle(t *testing.T) {
	for range 5 {
		seed := rand.Uint64()
		bubble(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			const length, each = 12, 150
			var handled [length]atomic.Int32
			own := make([]sputnik.BlockCommunicator, length)
			var c crew
			for i := range length {
				pause := time.Duration(rng.IntN(50)) * time.Microsecond
				asks := rng.IntN(2) == 0
				c = append(c, idle(fmt.Sprint("b", i), handle(&own[i]), sputnik.WithMailbox(1+rng.IntN(2), sputnik.Wait),
					sputnik.WithOnMsg(func(m sputnik.Msg) {
						handled[i].Add(1)
						time.Sleep(pause)
						if i == 0 {
							_ = sputnik.Reply(m, nil)
							return
						}
						_ = sputnik.Reply(m, nil)
						next := to(t, own[i], fmt.Sprint("b", i-1-m["skip"].(int)%i)) // always one that is listed before
						msg := sputnik.Msg{"skip": m["skip"]}
						if asks {
							_, err := sputnik.Request(t.Context(), next, msg)
							assert.NoError(t, err)
						} else {
							assert.True(t, next.Send(msg))
						}
					})))
			}
			f := takeOff(t, c, sputnik.WithFinishTimeout(time.Hour))
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for n := range each {
						to(t, own[0], fmt.Sprint("b", length-1-g%3)).Send(sputnik.Msg{"skip": n % 3})
					}
				})
			}
			wg.Wait()
			require.NoError(t, f.land())
			assert.Equal(t, int32(8*each), handled[0].Load())
			assert.Empty(t, eventsOf[sputnik.WaitCycle](f))
		})
	}
}
