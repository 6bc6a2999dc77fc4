package sputnik_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// forwarder is a member that sends all that it gets on to another block.
func forwarder(t *testing.T, resp, next string) member {
	var own sputnik.BlockCommunicator
	return idle(resp, handle(&own), sputnik.WithOnMsg(func(m sputnik.Msg) { assert.True(t, to(t, own, next).Send(m)) }))
}

// lateForwarder does it from Run, a second after OnMsg has returned.
func lateForwarder(t *testing.T, resp, next string) member {
	kept := make(chan sputnik.Msg, 8)
	return keeper(resp, kept, sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case m := <-kept:
				time.Sleep(time.Second)
				assert.True(t, to(t, bc, next).Send(m))
			}
		}
	}))
}

func TestARequestSentOnAndOnlyQueuedSurvivesARestart(t *testing.T) {
	during(t, map[string]func(t *testing.T) crew{
		"from OnMsg": func(t *testing.T) crew { return crew{forwarder(t, "b", "c")} },
		"from Run":   func(t *testing.T) crew { return crew{lateForwarder(t, "b", "c")} },
		"twice":      func(t *testing.T) crew { return crew{forwarder(t, "b2", "c"), forwarder(t, "b", "b2")} },
		"by both":    func(t *testing.T) crew { return crew{forwarder(t, "b2", "c"), lateForwarder(t, "b", "b2")} },
	}, func(t *testing.T, way func(t *testing.T) crew) {
		var bc sputnik.BlockCommunicator
		c := crew{series("c", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if m["bad"] != nil {
					time.Sleep(time.Minute)
					panic(errBoom)
				}
				assert.NoError(t, sputnik.Reply(m, sputnik.Msg{"a": n}))
			})}
		})}
		f := takeOff(t, append(append(c, way(t)...), idle("a", handle(&bc))))
		to(t, bc, "c").Send(sputnik.Msg{"bad": true})
		synctest.Wait()
		came := request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
		time.Sleep(10 * time.Second)
		require.Equal(t, 2, f.block("c").Mailbox.Depth, "it waits behind the bad one")
		got := <-came
		require.NoError(t, got.err)
		assert.Equal(t, 2, got.msg["a"])
		require.NoError(t, f.land())
	})
}

func TestAWaitCycleByARequestThatIsSentOnIsTold(t *testing.T) {
	during(t, map[string]struct {
		way   func(t *testing.T, resp, next string) member
		after time.Duration
	}{"at once": {forwarder, 0}, "later": {lateForwarder, time.Second}}, func(t *testing.T, k struct {
		way   func(t *testing.T, resp, next string) member
		after time.Duration
	},
	) {
		var b, x sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("b", handle(&b), sputnik.WithOnMsg(func(m sputnik.Msg) { byRequest(to(t, b, "x")); _ = sputnik.Reply(m, nil) })),
			k.way(t, "a", "b"),
			idle("x", handle(&x), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if m["go"] != nil {
					byRequest(to(t, x, "a"))
				}
				_ = sputnik.Reply(m, nil)
			})),
		})
		began := time.Now()
		x.Send(sputnik.Msg{"go": true})
		time.Sleep(30 * time.Second)
		told := eventsOf[sputnik.WaitCycle](f)
		require.Len(t, told, 1)
		assert.Equal(t, []string{"b", "x"}, responsibilities(told[0].Blocks), "who sent it on waits for nobody")
		assert.Equal(t, k.after, told[0].Time.Sub(began), "at the moment it closes")
		require.Len(t, f.sp.Status().WaitCycles, 1)
		assert.Equal(t, told[0].Blocks, f.sp.Status().WaitCycles[0])
		time.Sleep(2 * time.Minute)
		assert.Empty(t, f.sp.Status().WaitCycles)
		require.NoError(t, f.land())
	})
}

func TestARequestThatCanNotBeSentOnStaysWhereItIs(t *testing.T) {
	type kind struct {
		opts         []sputnik.BlockOption
		before, then func(t *testing.T, bc sputnik.BlockCommunicator)
	}
	remove := func(t *testing.T, bc sputnik.BlockCommunicator) {
		go func() { assert.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "c")) }()
		synctest.Wait()
	}
	fill := func(t *testing.T, bc sputnik.BlockCommunicator) {
		for range 2 {
			require.True(t, to(t, bc, "c").Send(sputnik.Msg{}))
			synctest.Wait()
		}
	}
	nothing := func(*testing.T, sputnik.BlockCommunicator) {}
	during(t, map[string]kind{
		"removed":       {before: remove, then: nothing},
		"being removed": {before: func(t *testing.T, bc sputnik.BlockCommunicator) { fill(t, bc); remove(t, bc) }, then: nothing},
		"full":          {[]sputnik.BlockOption{sputnik.WithMailbox(1, sputnik.Reject)}, fill, nothing},
		"removed while the sender waits for room": {[]sputnik.BlockOption{sputnik.WithMailbox(1, sputnik.Wait)}, fill, remove},
		"down for good while the sender waits for room": {[]sputnik.BlockOption{
			sputnik.WithMailbox(1, sputnik.Wait), onFailure(sputnik.RestartPolicy{Backoff: years, BackoffCap: years}),
			sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }),
		}, fill, func(t *testing.T, bc sputnik.BlockCommunicator) {
			require.ErrorIs(t, sputnik.RemoveBlock(t.Context(), bc, "c"), errBoom)
		}},
	}, func(t *testing.T, k kind) {
		var a, c sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{
			series("c", func(n int) []sputnik.BlockOption {
				return append([]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { <-gate }), sputnik.WithInit(func(sputnik.ConfFactory) error {
					if n > 1 {
						return errBoom
					}
					return nil
				})}, k.opts...)
			}),
			idle("b", sputnik.WithAttach(func(own sputnik.BlockCommunicator) { c = to(t, own, "c") }),
				sputnik.WithOnMsg(func(m sputnik.Msg) {
					assert.False(t, c.Send(m))
					if m["q"] == 2 {
						panic(errBoom)
					}
					assert.NoError(t, sputnik.Reply(m, sputnik.Msg{"a": "by myself"}))
				})),
			idle("a", handle(&a)),
		})
		k.before(t, a)
		came := request(t.Context(), to(t, a, "b"), sputnik.Msg{"q": 1})
		synctest.Wait()
		k.then(t, a)
		got := <-came
		require.NoError(t, got.err)
		assert.Equal(t, sputnik.Msg{"a": "by myself"}, got.msg)
		got = <-request(t.Context(), to(t, a, "b"), sputnik.Msg{"q": 2})
		require.ErrorIs(t, got.err, errBoom)
		require.ErrorAs(t, got.err, new(*sputnik.BlockError), "its failure is that of the request")
		close(gate)
		require.ErrorIs(t, f.landed(), errBoom)
	})
}

func TestARequestIsNotSentOnWhenNobodyWaitsForItAnyMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var a, b sputnik.BlockCommunicator
		var j journal
		gate := make(chan struct{})
		refused := make(chan time.Time, 1)
		f := takeOff(t, crew{
			receiver("c", &j, gate, sputnik.WithMailbox(1, sputnik.Wait)),
			idle("b", handle(&b), sputnik.WithOnMsg(func(m sputnik.Msg) {
				assert.False(t, to(t, b, "c").Send(m))
				refused <- time.Now()
				time.Sleep(time.Second)
				assert.ErrorIs(t, sputnik.Reply(m, nil), sputnik.ErrAskerGone)
			})),
			idle("a", handle(&a)),
		})
		for n := range 2 {
			require.True(t, to(t, a, "c").Send(sputnik.Msg{"n": n}))
			synctest.Wait()
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sputnik.Request(ctx, to(t, a, "b"), sputnik.Msg{"n": "late"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, (<-refused).Sub(began))
		close(gate)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"0", "1"}, j.all())
	})
}

func TestARequestSentOnOutlivesAFailureOfItsSender(t *testing.T) {
	during(t, map[string]func(){"panics": func() { panic(errBoom) }, "exits": runtime.Goexit}, func(t *testing.T, blow func()) {
		var a, b sputnik.BlockCommunicator
		f := takeOff(t, crew{
			echo("c", sputnik.WithOnMsg(func(m sputnik.Msg) {
				time.Sleep(time.Second)
				assert.NoError(t, sputnik.Reply(m, sputnik.Msg{"a": m["q"]}))
			})),
			idle("b", handle(&b), onFailure(sputnik.RestartPolicy{}), sputnik.WithOnMsg(func(m sputnik.Msg) {
				assert.True(t, to(t, b, "c").Send(m))
				blow()
			})),
			idle("a", handle(&a)),
		})
		for n := range 3 {
			got, err := sputnik.Request(t.Context(), to(t, a, "b"), sputnik.Msg{"q": n})
			require.NoError(t, err, "another one has it, and answers")
			assert.Equal(t, n, got["a"])
		}
		assert.Len(t, eventsOf[sputnik.BlockRestarting](f), 3)
		require.NoError(t, f.land())
	})
}

func TestARequestThatIsNotSentOnFallsWithWhoeverKeepsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var a, b, gone sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{echo("c"), idle("b", handle(&b), onFailure(sputnik.RestartPolicy{}), failAfter(time.Minute, errBoom),
			sputnik.WithOnMsg(func(m sputnik.Msg) {
				assert.False(t, gone.Send(m))
				kept <- m
			})), idle("a", handle(&a))})
		gone = to(t, b, "c")
		require.NoError(t, sputnik.RemoveBlock(t.Context(), a, "c"))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := sputnik.Request(ctx, to(t, a, "b"), sputnik.Msg{})
		require.ErrorIs(t, err, sputnik.ErrBlockEnded, "its next instance knows nothing of it")
		assert.Equal(t, time.Minute, time.Since(began))
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrAskerGone)
		time.Sleep(30 * time.Second)
		require.NoError(t, f.land())
	})
}

func TestARequestThatRunCanNotSendOnIsStillRunsToAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var a, x, gone sputnik.BlockCommunicator
		var answered error
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{
			echo("c"),
			idle("a", handle(&a), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if m["go"] == nil {
					kept <- m
					return
				}
				_, answered = sputnik.Request(context.Background(), to(t, a, "x"), sputnik.Msg{})
			}), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				m := <-kept
				assert.False(t, gone.Send(m))
				bc.Send(sputnik.Msg{"go": true})
				time.Sleep(time.Minute)
				assert.NoError(t, sputnik.Reply(m, nil))
				return untilDone(ctx, bc)
			})),
			idle("x", handle(&x), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if m["go"] != nil {
					_, err := sputnik.Request(context.Background(), to(t, x, "a"), sputnik.Msg{})
					assert.NoError(t, err)
				}
				_ = sputnik.Reply(m, nil)
			})),
		})
		gone = to(t, a, "c")
		require.NoError(t, sputnik.RemoveBlock(t.Context(), a, "c"))
		x.Send(sputnik.Msg{"go": true})
		time.Sleep(2 * time.Minute)
		assert.Empty(t, eventsOf[sputnik.WaitCycle](f), "a's OnMsg isn't what x waits for")
		require.NoError(t, f.land())
		require.NoError(t, answered)
	})
}

// Whoever else has got hold of the message and can't send it on takes nothing from the block that was asked.
func TestARequestThatAStrangerCanNotSendOnFallsWithWhoWasAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		gate, kept := make(chan struct{}), make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{
			idle("c", sputnik.WithMailbox(1, sputnik.Wait), sputnik.WithOnMsg(func(sputnik.Msg) { <-gate })),
			keeper("b", kept),
			idle("stranger", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				assert.False(t, to(t, bc, "c").Send(<-kept))
				return untilDone(ctx, bc)
			})),
			idle("a", handle(&bc)),
		})
		for range 2 { // one in OnMsg, one in the mailbox
			require.True(t, to(t, bc, "c").Send(sputnik.Msg{}))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		came := request(ctx, to(t, bc, "b"), sputnik.Msg{})
		synctest.Wait()
		go func() { assert.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "c")) }()
		synctest.Wait() // c accepts nothing more
		close(gate)
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b"))
		require.ErrorIs(t, (<-came).err, sputnik.ErrBlockEnded)
		require.NoError(t, f.land())
	})
}
