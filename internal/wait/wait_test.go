package wait

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/internal/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOver = errors.New("over")

func TestARequestEndsOnce(t *testing.T) {
	a, b := new(Peer[int]), new(Peer[int])
	w := Request(t.Context(), a, b)
	defer w.Leave()
	require.NoError(t, w.Reply(mailbox.Msg{"n": 1}))
	require.ErrorIs(t, w.Reply(nil), ErrReplied)
	b.Fail(0, errOver) // comes too late
	msg, err := w.Answer()
	require.NoError(t, err)
	require.Equal(t, mailbox.Msg{"n": 1}, msg)
}

func TestAnAskerThatLeftIsGone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := Request(ctx, new(Peer[int]), new(Peer[int]))
	defer w.Leave()
	cancel(errOver)
	_, err := w.Answer()
	require.ErrorIs(t, err, errOver)
	require.ErrorIs(t, w.Reply(nil), ErrAskerGone)
}

func TestOneWhoEndsFailsWhatItHas(t *testing.T) {
	a, b, c := new(Peer[int]), new(Peer[int]), new(Peer[int])
	taken, waiting, sentOn := Request(t.Context(), a, b), Request(t.Context(), a, b), Request(t.Context(), a, b)
	taken.Taken(1)
	sentOn.Hand(c)

	b.Fail(1, errOver)
	_, err := taken.Answer()
	require.ErrorIs(t, err, errOver)
	require.True(t, waiting.Asking(), "the next taker may answer it")

	b.Fail(0, errOver)
	require.False(t, waiting.Asking())
	require.True(t, sentOn.Asking(), "it is another one's now")
	require.False(t, Request(t.Context(), a, b).Asking(), "nobody will answer")

	c.Fail(0, errOver)
	require.False(t, sentOn.Asking())
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
					_, _ = w.Answer()
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
