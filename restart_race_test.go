package sputnik_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestARestartLosesAndReordersNothingWhateverTheMoment(t *testing.T) {
	for box, opts := range map[string][]sputnik.BlockOption{
		"unbounded": nil, "wait": {sputnik.WithMailbox(3, sputnik.Wait)}, "serial": {sputnik.WithSerialCallbacks()},
	} {
		t.Run(box, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const senders, each, restarts = 4, 2000, 100
				var bc sputnik.BlockCommunicator
				var inside atomic.Int32
				next := make([]int, senders)
				fail := make(chan struct{})
				f := takeOff(t, crew{series("b", func(int) []sputnik.BlockOption {
					return append([]sputnik.BlockOption{
						sputnik.WithOnMsg(func(m sputnik.Msg) {
							assert.Equal(t, int32(1), inside.Add(1))
							s := m["sender"].(int)
							assert.Equal(t, next[s], m["n"])
							next[s]++
							inside.Add(-1)
						}),
						sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
							select {
							case <-ctx.Done():
								return nil
							case <-fail:
								return errBoom
							}
						}),
						onFailure(sputnik.RestartPolicy{Backoff: 1, BackoffCap: 1, Max: restarts + 1}),
					}, opts...)
				}), idle("from", handle(&bc))})
				var wg sync.WaitGroup
				for s := range senders {
					wg.Go(func() {
						for n := range each {
							assert.True(t, to(t, bc, "b").Send(sputnik.Msg{"sender": s, "n": n}))
							if n%(each/restarts) == 0 {
								time.Sleep(time.Nanosecond) // the clock stands still as long as anybody is at work
							}
						}
					})
				}
				wg.Go(func() {
					for n := range restarts {
						for range n {
							runtime.Gosched()
						}
						fail <- struct{}{}
					}
				})
				wg.Wait()
				time.Sleep(time.Second) // until the last restart is through
				require.NoError(t, f.land())
				for s := range senders {
					assert.Equal(t, each, next[s])
				}
				assert.Equal(t, restarts, f.block("b").Restarts)
			})
		})
	}
}

func TestARestartDuringTheTakeOffOverlapsWithNothing(t *testing.T) {
	for range 50 {
		bubble(t, func(t *testing.T) {
			var j journal
			var inside atomic.Bool
			c := crew{series("b", func(n int) []sputnik.BlockOption {
				opts := []sputnik.BlockOption{
					sputnik.WithInit(func(sputnik.ConfFactory) error {
						assert.False(t, inside.Load(), "one instance at a time")
						return nil
					}),
					sputnik.WithOnMsg(func(sputnik.Msg) {
						inside.Store(true)
						time.Sleep(time.Second)
						inside.Store(false)
						j.add("%d got it", n)
					}),
					sputnik.WithOnConnect(func(any) { j.add("%d up", n) }),
					onFailure(sputnik.RestartPolicy{Backoff: 1}),
				}
				if n == 1 {
					opts = append(opts, sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }),
						sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }))
				}
				return opts
			})}
			for n := range 20 {
				c = append(c, idle(fmt.Sprint("other", n)))
			}
			f := takeOff(t, c, sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
			time.Sleep(time.Minute)
			assert.Len(t, j.with("2 up"), 1)
			assert.Len(t, j.with("1 got", "2 got"), 1)
			assert.True(t, f.sp.Status().Ready)
			require.NoError(t, f.land())
		})
	}
}

// Outside of a bubble, where the clock runs during the take-off.
func TestARestartDuringTheTakeOffBeginsNothingEarly(t *testing.T) {
	for range 20 {
		var f *flight
		got := make(chan struct{})
		c := crew{series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{"n": n}) }),
				sputnik.WithOnMsg(func(m sputnik.Msg) {
					for _, b := range f.sp.Status().Blocks {
						assert.NotContains(t, []sputnik.State{sputnik.StateCreated, sputnik.StateInitialised}, b.State, "every Run was started (G12)")
					}
					if m["n"] == 2 {
						close(got)
					}
				}),
				onFailure(sputnik.RestartPolicy{Backoff: 1}),
			}
			if n == 1 {
				opts = append(opts, sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return errBoom }))
			}
			return opts
		})}
		for n := range 300 {
			c = append(c, idle(fmt.Sprint("other", n)))
		}
		f, err := newFlight(t, c)
		require.NoError(t, err)
		go func() { f.result <- f.launch() }()
		<-got
		require.NoError(t, f.land())
	}
}

func TestAMessageHandedOverAtTheMomentOfAFailureIsHandledByTheNextInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const restarts = 500
		var bc sputnik.BlockCommunicator
		fail, got := make(chan struct{}), make(chan any, 1)
		f := takeOff(t, crew{idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { got <- m["n"] }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				select {
				case <-ctx.Done():
					return nil
				case <-fail:
					return errBoom
				}
			}),
			onFailure(sputnik.RestartPolicy{Backoff: 1, BackoffCap: 1, Max: restarts + 1})), idle("from", handle(&bc))})
		for n := range restarts {
			to(t, bc, "b").Send(sputnik.Msg{"n": "wakes OnMsg's goroutine"})
			<-got
			synctest.Wait() // it waits for the next one
			to(t, bc, "b").Send(sputnik.Msg{"n": n})
			fail <- struct{}{}
			select {
			case m := <-got:
				require.Equal(t, n, m)
			case <-time.After(time.Hour):
				require.Fail(t, "lost", "message %d", n)
			}
		}
		time.Sleep(time.Second) // until the last restart is through
		require.NoError(t, f.land())
		box := f.block("b").Mailbox
		assert.Equal(t, uint64(2*restarts), box.Handled)
		assert.Zero(t, box.Dead)
	})
}
