package sputnik_test

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestRequestsDuringTheFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc, middle sputnik.BlockCommunicator
		var first, last, early error
		f := takeOff(t, crew{
			echo("sink"),
			idle("middle", handle(&middle), sputnik.WithOnMsg(func(m sputnik.Msg) {
				time.Sleep(time.Second)
				_ = sputnik.Reply(m, sputnik.Msg{"a": m["q"]})
			}), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				<-ctx.Done()
				_, last = sputnik.Request(context.Background(), to(t, bc, "sink"), sputnik.Msg{})
				_, first = sputnik.Request(context.Background(), to(t, bc, "source"), sputnik.Msg{})
				return nil
			})),
			echo("source", handle(&bc), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				<-ctx.Done()
				_, early = sputnik.Request(context.Background(), to(t, bc, "middle"), sputnik.Msg{})
				return nil
			})),
		})
		var queued []<-chan answer
		for n := range 3 {
			queued = append(queued, request(t.Context(), to(t, bc, "middle"), sputnik.Msg{"q": n}))
			synctest.Wait()
		}
		require.NoError(t, f.land())
		for n, came := range queued {
			got := <-came
			require.NoError(t, got.err, "what was accepted is answered")
			assert.Equal(t, n, got.msg["a"])
		}
		require.NoError(t, early, "a flush may ask a block that is listed before")
		require.NoError(t, last)
		require.ErrorIs(t, first, sputnik.ErrBlockEnded, "but not one that is listed behind")
	})
}

func TestABlockMayAnswerUntilItIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{idle("a", handle(&bc)), keeper("b", kept, sputnik.WithFinish(func(bool) {
			time.Sleep(time.Second)
			assert.NoError(t, sputnik.Reply(<-kept, sputnik.Msg{"a": "sorry"}))
		}))})
		came := request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
		synctest.Wait()
		require.NoError(t, f.land())
		got := <-came
		require.NoError(t, got.err)
		assert.Equal(t, sputnik.Msg{"a": "sorry"}, got.msg)
	})
}

func TestARequestThatASecondSignalCutsOffEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked error
		began := time.Now()
		f := takeOff(t, crew{
			keeper("b", make(chan sputnik.Msg, 1)),
			idle("a", sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
				_, asked = sputnik.Request(context.Background(), to(t, bc, "b"), sputnik.Msg{})
				return nil
			})),
		})
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		require.ErrorIs(t, asked, sputnik.ErrTimeout)
		assert.LessOrEqual(t, time.Since(began), 2*time.Second)
	})
}

func TestUnhandledRequestsFailWithTheirReceiver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc)), idle("b", sputnik.WithBlockFinishTimeout(4*time.Second),
			sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(1600 * time.Millisecond); _ = sputnik.Reply(m, nil) }))})
		var came []<-chan answer
		for range 10 {
			came = append(came, request(t.Context(), to(t, bc, "b"), sputnik.Msg{}))
			synctest.Wait()
		}
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, f.land(), &ue)
		failed := 0
		for _, c := range came {
			if got := <-c; got.err != nil {
				require.ErrorIs(t, got.err, sputnik.ErrBlockEnded)
				failed++
			}
		}
		assert.Equal(t, ue.Count, uint64(failed))
	})
}

func TestARequestBeforeTheLaunchWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var deadline, queued error
		kept := make(chan sputnik.Msg, 1)
		var bc sputnik.BlockCommunicator
		f, err := newFlight(t, crew{keeper("b", kept), echo("c"), idle("a", sputnik.WithAttach(func(own sputnik.BlockCommunicator) {
			bc = own
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, deadline = sputnik.Request(ctx, to(t, bc, "b"), sputnik.Msg{})
		}))})
		require.NoError(t, err)
		require.ErrorIs(t, deadline, context.DeadlineExceeded)
		came := request(t.Context(), to(t, bc, "c"), sputnik.Msg{})
		time.Sleep(time.Hour)
		f.start()
		queued = (<-came).err
		require.NoError(t, queued)
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrAskerGone)
		require.NoError(t, f.land())
	})
}

func TestARequestFromAttachEndsWithTheRollback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked error
		_, err := newFlight(t, crew{echo("b"), idle("a", sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
			_, asked = sputnik.Request(context.Background(), to(t, bc, "b"), sputnik.Msg{})
		}))}, sputnik.WithInitTimeout(time.Minute))
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		synctest.Wait()
		require.Error(t, asked, "nobody waits for a process that never came up")
	})
}

// goroutines counts those of the bubble.
func goroutines() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "synctest bubble")
}

func TestRequestsLeaveNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type payload struct{ bytes [1 << 10]byte }
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("a", handle(&bc)), idle("silent", sputnik.WithOnMsg(func(sputnik.Msg) {})),
			idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { _ = sputnik.Reply(m, sputnik.Msg{"a": m["q"]}) })),
		})
		ask := func(resp string) weak.Pointer[payload] {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			p := new(payload)
			p.bytes[0] = 1
			_, _ = sputnik.Request(ctx, to(t, bc, resp), sputnik.Msg{"q": p})
			return weak.Make(p)
		}
		_, _ = ask("b"), ask("silent") // starts what stays
		synctest.Wait()
		before := goroutines()
		var sent []weak.Pointer[payload]
		for range 100 {
			sent = append(sent, ask("b"), ask("silent"))
		}
		synctest.Wait()
		assert.Equal(t, before, goroutines())
		runtime.GC()
		runtime.GC()
		left := 0
		for _, p := range sent {
			if p.Value() != nil {
				left++
			}
		}
		assert.Zero(t, left, "of %d messages", len(sent))
		require.NoError(t, f.land())
	})
}

func TestQueuedRequestsAreAnsweredByTheNextInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc)), series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), sputnik.WithOnMsg(func(m sputnik.Msg) {
				if n == 1 {
					panic(errBoom)
				}
				_ = sputnik.Reply(m, sputnik.Msg{"a": n})
			})}
		})})
		broken := request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
		synctest.Wait()
		require.ErrorAs(t, (<-broken).err, new(*sputnik.BlockError))
		var came []<-chan answer
		for range 5 {
			came = append(came, request(t.Context(), to(t, bc, "b"), sputnik.Msg{}))
		}
		for _, c := range came {
			got := <-c
			require.NoError(t, got.err)
			assert.Equal(t, 2, got.msg["a"])
		}
		require.NoError(t, f.land())
	})
}

func TestARequestPassedOnIsInTheHandsOfItsNewHolder(t *testing.T) {
	type kind struct {
		first, next []sputnik.BlockOption // of the one that passes it on, and of the one that gets it
		happen      func(t *testing.T, f *flight, bc sputnik.BlockCommunicator)
		is          error
		as          any
	}
	remove := func(resp string) func(t *testing.T, f *flight, bc sputnik.BlockCommunicator) {
		return func(t *testing.T, _ *flight, bc sputnik.BlockCommunicator) {
			require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, resp))
		}
	}
	restarts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{}), failAfter(time.Second, errBoom)}
	panics := sputnik.WithOnMsg(func(m sputnik.Msg) {
		if m["q"] == 1 {
			panic(errBoom)
		}
	})
	wait := func(*testing.T, *flight, sputnik.BlockCommunicator) { time.Sleep(1500 * time.Millisecond) }
	drop := func(t *testing.T, _ *flight, bc sputnik.BlockCommunicator) {
		to(t, bc, "c").Send(sputnik.Msg{})
		synctest.Wait()
	}
	busy := []sputnik.BlockOption{
		sputnik.WithMailbox(1, sputnik.DropOldest), sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(time.Minute) }),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }), sputnik.WithBlockFinishTimeout(10 * time.Minute),
	}
	during(t, map[string]kind{
		"the first one is removed":   {happen: remove("b")},
		"the first one is restarted": {first: restarts, happen: wait},
		"the new one is removed":     {happen: remove("c"), is: sputnik.ErrBlockEnded},
		"the new one is restarted":   {next: restarts, happen: wait, is: sputnik.ErrBlockEnded},
		"the new one panics":         {next: []sputnik.BlockOption{panics, onFailure(sputnik.RestartPolicy{})}, happen: wait, is: errBoom, as: new(*sputnik.BlockError)},
		"the new one drops it":       {next: busy, happen: drop, is: sputnik.ErrMailboxFull},
	}, func(t *testing.T, k kind) {
		var a, b sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 8)
		f := takeOff(t, crew{
			keeper("c", kept, k.next...),
			idle("b", append([]sputnik.BlockOption{handle(&b), sputnik.WithOnMsg(func(m sputnik.Msg) {
				assert.True(t, to(t, b, "c").Send(m))
			})}, k.first...)...),
			idle("a", handle(&a)),
		}, sputnik.WithFinishTimeout(time.Hour))
		came := request(t.Context(), to(t, a, "b"), sputnik.Msg{"q": 1})
		synctest.Wait()
		k.happen(t, f, a)
		if k.is == nil {
			require.NoError(t, sputnik.Reply(<-kept, sputnik.Msg{"a": 1}))
			got := <-came
			require.NoError(t, got.err)
			assert.Equal(t, 1, got.msg["a"])
		} else {
			got := <-came
			require.ErrorIs(t, got.err, k.is)
			if k.as != nil {
				require.ErrorAs(t, got.err, k.as)
			}
			synctest.Wait()
			select {
			case m := <-kept:
				require.ErrorIs(t, sputnik.Reply(m, nil), sputnik.ErrAskerGone)
			default: // it never came to OnMsg's end
			}
		}
		require.NoError(t, f.land())
	})
}

func TestARefusedRequestLeavesTheMessageAsItWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{receiver("full", new(journal), gate, sputnik.WithMailbox(1, sputnik.Reject)), echo("b"), idle("a", handle(&bc))})
		for range 2 {
			to(t, bc, "full").Send(sputnik.Msg{})
			synctest.Wait()
		}
		msg := sputnik.Msg{"q": 1}
		_, err := sputnik.Request(t.Context(), to(t, bc, "full"), msg)
		require.ErrorIs(t, err, sputnik.ErrMailboxFull)
		assert.Equal(t, sputnik.Msg{"q": 1}, msg)
		got, err := sputnik.Request(t.Context(), to(t, bc, "b"), msg)
		require.NoError(t, err, "it may be tried elsewhere")
		assert.Equal(t, 1, got["a"])
		close(gate)
		require.NoError(t, f.land())
	})
}

func TestARequestEndsWithTheRestartOfItsAsker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kept := make(chan sputnik.Msg, 1)
		asked := make(chan error, 1)
		f := takeOff(t, crew{keeper("b", kept), series("a", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{})}
			if n == 1 {
				opts = append(opts, sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
					peer := to(t, bc, "b")
					go func() {
						_, err := sputnik.Request(context.Background(), peer, sputnik.Msg{})
						asked <- err
					}()
					time.Sleep(time.Second)
					return errBoom
				}))
			}
			return opts
		})})
		err := <-asked
		require.ErrorAs(t, err, new(*sputnik.RequestError))
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrAskerGone)
		time.Sleep(time.Minute)
		require.NoError(t, f.land())
	})
}

func TestARequestWhoseSendPanicsIsOver(t *testing.T) {
	var kept sputnik.Msg
	assert.PanicsWithError(t, errBoom.Error(), func() {
		_, _ = sputnik.Request(t.Context(), outsider{func(m sputnik.Msg) bool { kept = m; panic(errBoom) }}, sputnik.Msg{})
	})
	require.ErrorIs(t, sputnik.Reply(kept, nil), sputnik.ErrAskerGone)
}
