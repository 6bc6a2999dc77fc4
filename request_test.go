package sputnik_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
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

// echo is a member that answers each request by what it got as "q".
func echo(resp string, opts ...sputnik.BlockOption) member {
	return idle(resp, append([]sputnik.BlockOption{sputnik.WithOnMsg(func(m sputnik.Msg) {
		_ = sputnik.Reply(m, sputnik.Msg{"a": m["q"]})
	})}, opts...)...)
}

// keeper is a member that answers nothing; what it was asked is in kept.
func keeper(resp string, kept chan sputnik.Msg, opts ...sputnik.BlockOption) member {
	return idle(resp, append([]sputnik.BlockOption{sputnik.WithOnMsg(func(m sputnik.Msg) { kept <- m })}, opts...)...)
}

// answer is what a request came back with.
type answer struct {
	msg sputnik.Msg
	err error
	at  time.Time
}

// request asks on a goroutine of its own.
func request(ctx context.Context, bc sputnik.BlockCommunicator, msg sputnik.Msg) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		got, err := sputnik.Request(ctx, bc, msg)
		out <- answer{got, err, time.Now()}
	}()
	return out
}

// outsider is a communicator with no process behind it.
type outsider struct{ send func(msg sputnik.Msg) bool }

func (outsider) Communicator(string) (sputnik.BlockCommunicator, bool) { return nil, false }
func (outsider) Descriptor() sputnik.BlockDescriptor                   { return descriptor("outsider") }
func (o outsider) Send(msg sputnik.Msg) bool                           { return o.send(msg) }

// decorated is a communicator that a host has put a wrapper around.
type decorated struct{ sputnik.BlockCommunicator }

func descriptor(resp string) sputnik.BlockDescriptor {
	return sputnik.BlockDescriptor{Name: resp, Responsibility: resp}
}

func TestARequestIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{echo("b"), idle("a", handle(&bc))})
		for name, peer := range map[string]sputnik.BlockCommunicator{
			"plain": to(t, bc, "b"), "decorated": decorated{to(t, bc, "b")},
			"mock": outsider{func(m sputnik.Msg) bool { return sputnik.Reply(m, sputnik.Msg{"a": m["q"]}) == nil }},
		} {
			got, err := sputnik.Request(t.Context(), peer, sputnik.Msg{"q": name})
			require.NoError(t, err)
			assert.Equal(t, sputnik.Msg{"a": name}, got)
		}
		require.NoError(t, f.land())
		assert.Equal(t, uint64(2), f.block("b").Mailbox.Handled)
	})
}

func TestARequestIsRefusedAtOnceWithTheReason(t *testing.T) {
	type kind struct {
		resp string
		msg  sputnik.Msg
		ctx  context.Context
		is   error
	}
	ended, end := context.WithCancelCause(context.Background())
	end(errBoom)
	kinds := map[string]kind{
		"no OnMsg":      {"deaf", sputnik.Msg{}, context.Background(), sputnik.ErrNoOnMsg},
		"self":          {"a", sputnik.Msg{}, context.Background(), sputnik.ErrSelf},
		"full":          {"full", sputnik.Msg{}, context.Background(), sputnik.ErrMailboxFull},
		"finishing":     {"finishing", sputnik.Msg{}, context.Background(), sputnik.ErrBlockEnded},
		"context ended": {"b", sputnik.Msg{}, ended, errBoom},
		"nil message":   {"b", nil, context.Background(), sputnik.ErrRefused},
	}
	for name, k := range maps.Clone(kinds) {
		kinds[name+", decorated"] = k
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var bc sputnik.BlockCommunicator
				gate := make(chan struct{})
				f := takeOff(t, crew{
					idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) {})), idle("deaf"), echo("b"),
					receiver("full", new(journal), gate, sputnik.WithMailbox(1, sputnik.Reject)),
					echo("finishing", sputnik.WithFinish(func(bool) { <-gate }), sputnik.WithBlockFinishTimeout(time.Hour)),
				}, sputnik.WithFinishTimeout(2*time.Hour))
				for range 2 {
					require.True(t, to(t, bc, "full").Send(sputnik.Msg{}))
					synctest.Wait()
				}
				f.shootDown()
				synctest.Wait()
				sent := f.block(k.resp).Mailbox
				peer := to(t, bc, k.resp)
				if strings.HasSuffix(t.Name(), "decorated") {
					peer = decorated{peer}
				}
				began := time.Now()
				got, err := sputnik.Request(k.ctx, peer, k.msg)
				assert.Zero(t, time.Since(began))
				assert.Nil(t, got)
				require.ErrorIs(t, err, k.is)
				var re *sputnik.RequestError
				require.ErrorAs(t, err, &re)
				assert.Equal(t, descriptor(k.resp), re.Block)
				assert.ErrorContains(t, err, `"`+k.resp+`"`)
				assert.ErrorContains(t, err, k.is.Error())
				assert.Equal(t, sent.Accepted, f.block(k.resp).Mailbox.Accepted, "nothing came of it")
				close(gate)
				require.NoError(t, f.landed())
			})
		})
	}
}

func TestARequestToNobodyIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc)), echo("b")})
		nobody, _ := bc.Communicator("nobody")
		_, err := sputnik.Request(t.Context(), nobody, sputnik.Msg{})
		require.ErrorIs(t, err, sputnik.ErrNoBlock)
		require.ErrorAs(t, err, new(*sputnik.RequestError))
		_, err = sputnik.Request(t.Context(), nobody, nil)
		require.Error(t, err)
		_, err = sputnik.Request(t.Context(), outsider{func(sputnik.Msg) bool { return false }}, sputnik.Msg{})
		require.ErrorIs(t, err, sputnik.ErrRefused)
		require.ErrorAs(t, err, new(*sputnik.RequestError))
		_, err = sputnik.Request(t.Context(), to(t, bc, sputnik.InitiatorResponsibility), sputnik.Msg{})
		require.Error(t, err, "it takes control messages only")
		peer := to(t, bc, "b")
		require.NoError(t, f.land())
		_, err = sputnik.Request(t.Context(), peer, sputnik.Msg{})
		require.ErrorIs(t, err, sputnik.ErrBlockEnded)
	})
}

func TestARequestThatBreaksItsReceiverIsToldHow(t *testing.T) {
	during(t, map[string]struct {
		blow func()
		is   error
	}{
		"panic": {func() { panic(errBoom) }, errBoom}, "Goexit": {runtime.Goexit, sputnik.ErrGoexit},
	}, func(t *testing.T, k struct {
		blow func()
		is   error
	},
	) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc)), idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) {
			time.Sleep(time.Second)
			switch m["q"] {
			case "break":
				k.blow()
			case "answer, then break":
				_ = sputnik.Reply(m, sputnik.Msg{"a": 1})
				k.blow()
			default:
				_ = sputnik.Reply(m, nil)
			}
		}))})
		peer := to(t, bc, "b")
		var came []<-chan answer
		for _, q := range []string{"break", "answer, then break", "just answer"} {
			came = append(came, request(t.Context(), peer, sputnik.Msg{"q": q}))
			synctest.Wait()
		}
		broken := <-came[0]
		require.ErrorIs(t, broken.err, k.is)
		var be *sputnik.BlockError
		require.ErrorAs(t, broken.err, &be)
		assert.Equal(t, "OnMsg", be.Callback)
		assert.Equal(t, descriptor("b"), be.Block)
		assert.Equal(t, k.is == errBoom, errors.As(broken.err, new(*sputnik.PanicError))) //nolint:errorlint // this very one
		answered := <-came[1]
		require.NoError(t, answered.err, "it was answered before")
		assert.Equal(t, sputnik.Msg{"a": 1}, answered.msg)
		require.NoError(t, (<-came[2]).err, "it is not the one that broke it")
		require.ErrorIs(t, f.landed(), k.is)
	})
}

func TestARequestFailsWhenItsReceiverEnds(t *testing.T) {
	type kind struct {
		opts   []sputnik.BlockOption
		happen func(t *testing.T, f *flight, bc sputnik.BlockCommunicator)
		fails  bool
		after  time.Duration
	}
	land := func(_ *testing.T, f *flight, _ sputnik.BlockCommunicator) { f.shootDown() }
	failing := func(ctx context.Context, _ sputnik.BlockCommunicator) error {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
			return errBoom
		}
	}
	during(t, map[string]kind{
		"finished": {happen: land},
		"finished slowly": {
			opts:   []sputnik.BlockOption{sputnik.WithFinish(func(bool) { time.Sleep(3 * time.Second) })},
			happen: land, after: 3 * time.Second,
		},
		"abandoned": {opts: []sputnik.BlockOption{
			sputnik.WithFinish(func(bool) { time.Sleep(never) }), sputnik.WithBlockFinishTimeout(4 * time.Second),
		}, happen: land, fails: true, after: 4 * time.Second},
		"removed": {happen: func(t *testing.T, _ *flight, bc sputnik.BlockCommunicator) {
			require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "b"))
		}},
		"restarted": {opts: []sputnik.BlockOption{
			sputnik.WithRunContext(failing), sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure}),
		}, happen: func(*testing.T, *flight, sputnik.BlockCommunicator) { time.Sleep(time.Minute) }, after: time.Minute},
	}, func(t *testing.T, k kind) {
		var bc sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{idle("a", handle(&bc)), keeper("b", kept, k.opts...)})
		came := request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
		began := time.Now()
		synctest.Wait()
		k.happen(t, f, bc)
		got := <-came
		require.ErrorIs(t, got.err, sputnik.ErrBlockEnded)
		assert.Equal(t, k.after, got.at.Sub(began).Round(time.Second), "it may answer until then")
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrAskerGone)
		err := f.land()
		assert.Equal(t, k.fails, err != nil && errors.As(err, new(*sputnik.AbandonedError)), "%v", err)
		time.Sleep(2 * never)
	})
}

func TestARequestDroppedFromAFullMailboxFailsAtThatMoment(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{idle("a", handle(&bc)), echo("b", sputnik.WithMailbox(1, sputnik.DropOldest),
			sputnik.WithOnMsg(func(m sputnik.Msg) { <-gate; _ = sputnik.Reply(m, nil) }))})
		var came []<-chan answer
		began := time.Now()
		for range 3 {
			came = append(came, request(t.Context(), to(t, bc, "b"), sputnik.Msg{}))
			time.Sleep(time.Second)
		}
		dropped := <-came[1]
		require.ErrorIs(t, dropped.err, sputnik.ErrMailboxFull)
		assert.Equal(t, 2*time.Second, dropped.at.Sub(began))
		close(gate)
		require.NoError(t, (<-came[0]).err)
		require.NoError(t, (<-came[2]).err)
		require.NoError(t, f.land())
	})
}

func TestARequestEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{idle("a", handle(&bc)), keeper("b", kept)})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, peer := range []sputnik.BlockCommunicator{to(t, bc, "b"), outsider{func(sputnik.Msg) bool { return true }}} {
			_, err := sputnik.Request(ctx, peer, sputnik.Msg{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorAs(t, err, new(*sputnik.RequestError))
		}
		assert.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrAskerGone)

		ctx, cancel = context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err := sputnik.Request(ctx, to(t, bc, "b"), sputnik.Msg{})
		require.ErrorIs(t, err, errBoom, "the cause says why")
		require.NoError(t, f.land())
	})
}

func TestARequestThatWaitsForRoomEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var j journal
		gate := make(chan struct{})
		f := takeOff(t, crew{idle("a", handle(&bc)), receiver("b", &j, gate, sputnik.WithMailbox(1, sputnik.Wait))})
		for n := range 2 {
			to(t, bc, "b").Send(sputnik.Msg{"n": n})
			synctest.Wait()
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sputnik.Request(ctx, to(t, bc, "b"), sputnik.Msg{"n": "late"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		close(gate)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"0", "1"}, j.all(), "what nobody waits for is not sent")
	})
}

func TestARequestEndsWithTheAskersTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var err error
		var after time.Duration
		began := time.Now()
		f := takeOff(t, crew{
			keeper("b", make(chan sputnik.Msg, 1)),
			idle("a", sputnik.WithBlockFinishTimeout(10*time.Second),
				sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
					_, err = sputnik.Request(context.Background(), to(t, bc, "b"), sputnik.Msg{})
					after = time.Since(began)
					return nil
				})),
		})
		require.NoError(t, f.land())
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		require.ErrorAs(t, err, new(*sputnik.RequestError))
		assert.Equal(t, 9*time.Second, after, "as a flush")
	})
}

func TestReplySaysWhyItIsInVain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, m := range []sputnik.Msg{nil, {}, {"__request": 1}, {"__request": nil}} {
			require.ErrorIs(t, sputnik.Reply(m, sputnik.Msg{}), sputnik.ErrNotAsked)
		}
		var bc sputnik.BlockCommunicator
		kept := make(chan sputnik.Msg, 1)
		f := takeOff(t, crew{idle("a", handle(&bc)), keeper("b", kept)})
		to(t, bc, "b").Send(sputnik.Msg{})
		require.ErrorIs(t, sputnik.Reply(<-kept, nil), sputnik.ErrNotAsked, "a message is no request")

		came := request(t.Context(), to(t, bc, "b"), sputnik.Msg{})
		asked := <-kept // after OnMsg returned, from a goroutine that isn't the block's
		var yes atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := sputnik.Reply(asked, nil); err == nil {
					yes.Add(1)
				} else {
					assert.ErrorIs(t, err, sputnik.ErrReplied)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int32(1), yes.Load())
		got := <-came
		require.NoError(t, got.err)
		assert.Nil(t, got.msg)
		require.ErrorIs(t, sputnik.Reply(asked, nil), sputnik.ErrReplied)
		require.NoError(t, f.land())
	})
}

func TestReplyAndRequestAgreeOnWhoWasInTime(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T) {
			var bc sputnik.BlockCommunicator
			replied := make(chan error, 1)
			f := takeOff(t, crew{idle("a", handle(&bc)), idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) {
				time.Sleep(time.Second)
				replied <- sputnik.Reply(m, nil)
			}))})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := sputnik.Request(ctx, to(t, bc, "b"), sputnik.Msg{})
			if reply := <-replied; reply != nil {
				require.ErrorIs(t, reply, sputnik.ErrAskerGone)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			} else {
				require.NoError(t, err)
			}
			require.NoError(t, f.land())
		})
	}
}

func TestARequestMayBePassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var a, b, c sputnik.BlockCommunicator
		f := takeOff(t, crew{
			echo("d"),
			idle("c", handle(&c), sputnik.WithOnMsg(func(m sputnik.Msg) { // asks in its turn
				got, err := sputnik.Request(t.Context(), to(t, c, "d"), sputnik.Msg{"q": m["q"]})
				assert.NoError(t, err)
				assert.NoError(t, sputnik.Reply(m, got))
			})),
			idle("b", handle(&b), sputnik.WithOnMsg(func(m sputnik.Msg) { assert.True(t, to(t, b, "c").Send(m)) })),
			idle("a", handle(&a)),
		})
		got, err := sputnik.Request(t.Context(), to(t, a, "b"), sputnik.Msg{"q": 1})
		require.NoError(t, err)
		assert.Equal(t, sputnik.Msg{"a": 1}, got)
		require.NoError(t, f.land())
	})
}

func TestAThousandRequestsAtOnceGetEachItsOwnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{echo("b"), idle("a", handle(&bc))})
		peer := to(t, bc, "b")
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				got, err := sputnik.Request(t.Context(), peer, sputnik.Msg{"q": n})
				assert.NoError(t, err)
				assert.Equal(t, n, got["a"])
			})
		}
		wg.Wait()
		require.NoError(t, f.land())
	})
}

func TestG14ARequestAllocatesNothing(t *testing.T) {
	var bc sputnik.BlockCommunicator
	reply := sputnik.Msg{"a": 1}
	c := crew{idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { assert.NoError(t, sputnik.Reply(m, reply)) })), idle("a", handle(&bc))}
	sp, err := sputnik.NewSputnik(append(c.options(), sputnik.WithSignals(noSignals()))...)
	require.NoError(t, err)
	launch, shootDown, err := sp.Prepare()
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- launch() }()
	peer := to(t, bc, "b")
	msg := sputnik.Msg{"q": 1}
	var own sputnik.Msg
	ofCopy := testing.AllocsPerRun(1000, func() { own = maps.Clone(msg) })
	n := testing.AllocsPerRun(1000, func() {
		own = maps.Clone(msg)
		if _, err := sputnik.Request(context.Background(), peer, own); err != nil {
			t.Error(err)
		}
	})
	assert.Zero(t, n-ofCopy, "but for the copy")
	shootDown()
	require.NoError(t, <-done)
}
