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
			sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(2 * time.Second); _ = sputnik.Reply(m, nil) }))})
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
