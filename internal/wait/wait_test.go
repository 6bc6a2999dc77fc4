package wait

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOver, errBad = errors.New("over"), errors.New("bad")

func TestARequestEndsOnce(t *testing.T) {
	a, b := new(Peer[int]), new(Peer[int])
	w := Request(t.Context(), a, b)
	defer w.Leave()
	require.NoError(t, w.Reply(mailbox.Msg{"n": 1}))
	require.ErrorIs(t, w.Reply(nil), ErrReplied)
	b.Fail(0, errOver) // comes too late
	msg, err := w.Answer(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, mailbox.Msg{"n": 1}, msg)
}

func TestAnAskerThatLeftIsGone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := Request(ctx, new(Peer[int]), new(Peer[int]))
	defer w.Leave()
	cancel(errOver)
	_, err := w.Answer(ctx, nil)
	require.ErrorIs(t, err, errOver)
	require.ErrorIs(t, w.Reply(nil), ErrAskerGone)
}

func TestOneWhoEndsFailsWhatItHas(t *testing.T) {
	a, b, c := new(Peer[int]), new(Peer[int]), new(Peer[int])
	taken, waiting, sentOn := Request(t.Context(), a, b), Request(t.Context(), a, b), Request(t.Context(), a, b)
	taken.Taken(1)
	sentOn.Hand(c)

	b.Fail(1, errOver)
	_, err := taken.Answer(t.Context(), b)
	require.ErrorIs(t, err, errOver)
	require.True(t, waiting.Asking(), "the next taker may answer it")

	b.Fail(0, errOver)
	require.False(t, waiting.Asking())
	require.True(t, sentOn.Asking(), "it is another one's now")
	require.False(t, Request(t.Context(), a, b).Asking(), "nobody will answer")

	c.Fail(0, errOver)
	require.False(t, sentOn.Asking())
}

func TestALateAnswerReachesNobodyElse(t *testing.T) {
	a, b := new(Peer[int]), new(Peer[int])
	var before []*Wait[int]
	for n := range 3 * maxChunk {
		w := Request(t.Context(), a, b)
		for i, old := range before {
			if i%2 == 0 {
				require.ErrorIs(t, old.Reply(mailbox.Msg{"n": i}), ErrReplied)
			} else {
				require.ErrorIs(t, old.Reply(mailbox.Msg{"n": i}), ErrAskerGone)
			}
			old.Fail(errOver)
			old.Taken(1)
			old.Failed(b, errOver)
			old.SentOn(false, old.Hand(b))
		}
		if n%2 == 0 {
			require.NoError(t, w.Reply(mailbox.Msg{"n": n}))
		} else {
			b.Fail(1, errBad)
			require.True(t, w.Asking(), "nobody has taken it")
			w.Failed(b, errBad)
		}
		msg, err := w.Answer(t.Context(), b)
		if n%2 == 0 {
			require.NoError(t, err)
			require.Equal(t, mailbox.Msg{"n": n}, msg)
		} else {
			require.ErrorIs(t, err, errBad)
		}
		w.Leave()
		before = append(before, w)
	}
	require.False(t, a.waits.any())
	require.False(t, b.asked.any())
}

func TestALateInquiryReachesNobodyElse(t *testing.T) {
	a, b := &Peer[int]{Inside: func() bool { panic("nobody asked") }}, new(Peer[int])
	for range 2 {
		w := Request(t.Context(), a, b)
		require.NoError(t, w.Reply(nil))
		w.where.Store(inquired)
		w.post.bell <- true
		_, err := w.Answer(t.Context(), b)
		require.NoError(t, err)
		w.Leave()
	}
}

// Peers that ask, answer, send on and end at random.
func TestEachRequestHasOneOutcome(t *testing.T) {
	for seed := range uint64(20) {
		peers := make([]*Peer[int], 4)
		for i := range peers {
			peers[i] = &Peer[int]{Name: i, Order: i, Inside: func() bool { return false }}
		}
		var asking, serving sync.WaitGroup
		for g := range 8 {
			r := rand.New(rand.NewPCG(seed, uint64(g))) //nolint:gosec // chance, and a small number
			from := peers[g%len(peers)]
			asking.Go(func() {
				for n := range 200 {
					to := peers[r.IntN(len(peers))]
					ctx, cancel := context.WithCancelCause(t.Context())
					w := Request(ctx, from, to)
					ways := []func() bool{
						func() bool { return w.Reply(mailbox.Msg{"n": n}) == nil },
						func() bool { w.Taken(1); to.Fail(1, errBad); return false },
						func() bool { w.Failed(to, errBad); return false },
						func() bool {
							next := peers[(to.Name+1)%len(peers)]
							was := w.Hand(next)
							w.SentOn(n%2 == 0, was)
							return w.Reply(mailbox.Msg{"n": n}) == nil
						},
						func() bool { cancel(errOver); return false },
						func() bool { from.GiveUp(errOver); return false },
					}
					var answers atomic.Int32
					for _, i := range []int{r.IntN(len(ways)), r.IntN(len(ways)), 0} {
						serving.Go(func() {
							if ways[i]() {
								answers.Add(1)
							}
						})
					}
					msg, err := w.Answer(ctx, to)
					w.Leave()
					serving.Go(func() { assert.Error(t, w.Reply(nil)) })
					if err == nil {
						assert.Equal(t, mailbox.Msg{"n": n}, msg)
					} else {
						assert.Nil(t, msg)
						assert.Zero(t, answers.Load())
					}
					cancel(nil)
				}
			})
		}
		asking.Wait()
		serving.Wait()
		for _, p := range peers {
			require.False(t, p.waits.any(), "seed %d", seed)
			require.False(t, p.asked.any(), "seed %d", seed)
		}
	}
}

// Peers whose one goroutine each asks another peer at random: a circle is told exactly when there is one.
func TestACircleIsToldExactlyWhenThereIsOne(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			peers := make([]*Peer[int], 2+r.IntN(5))
			var mu sync.Mutex
			var told [][]int
			for i := range peers {
				peers[i] = &Peer[int]{Name: i, Order: i, Inside: func() bool { return true }, OnCircle: func(circle []int) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, circle)
				}}
			}
			ctx, cancel := context.WithCancel(t.Context())
			next := make(map[*Peer[int]]*Peer[int])
			for _, i := range r.Perm(len(peers)) {
				to := peers[r.IntN(len(peers))]
				if to == peers[i] {
					continue // asks nobody
				}
				next[peers[i]] = to
				go func() {
					w := Request(ctx, peers[i], to)
					defer w.Leave()
					_, _ = w.Answer(ctx, to)
				}()
				if r.IntN(2) == 0 {
					synctest.Wait() // else some begin at the same time
				}
			}
			synctest.Wait()
			var want [][]int
			for _, p := range peers {
				circle := []*Peer[int]{p}
				for q := next[p]; q != nil && q != p && len(circle) <= len(peers); q = next[q] {
					circle = append(circle, q)
				}
				last := circle[len(circle)-1]
				if next[last] != p || len(circle) > len(peers) {
					require.Empty(t, p.Circles(), "seed %d", seed)
					continue
				}
				first := true
				for _, q := range circle {
					first = first && p.Order <= q.Order
				}
				if first {
					var names []int
					for _, q := range circle {
						names = append(names, q.Name)
					}
					want = append(want, names)
					require.Equal(t, [][]int{names}, p.Circles(), "seed %d", seed)
				}
			}
			require.ElementsMatch(t, want, told, "seed %d", seed)
			cancel()
			synctest.Wait()
			for _, p := range peers {
				require.Empty(t, p.Circles())
				_, waits := p.WaitsFor()
				require.False(t, waits)
			}
		})
	}
}
