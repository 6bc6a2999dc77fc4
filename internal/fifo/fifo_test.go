package fifo

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A queue is a slice, whatever is pushed and popped, also when two of them are exchanged all the time.
func TestQueueIsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q, other Queue[int]
		var model, otherModel []int
		next := 0
		for _, n := range rapid.SliceOfN(rapid.IntRange(-3000, 3000), 1, 40).Draw(t, "pushes and pops") {
			for ; n > 0; n-- {
				q.Push(next)
				model = append(model, next)
				next++
			}
			for ; n < 0 && len(model) > 0; n++ {
				require.Equal(t, model[0], q.Pop())
				model = model[1:]
			}
			require.Equal(t, len(model), q.Len())
			if rapid.Bool().Draw(t, "exchange") {
				q, other = other, q
				model, otherModel = otherModel, model
			}
		}
		for _, want := range model {
			require.Equal(t, want, q.Pop())
		}
		for _, want := range otherModel {
			require.Equal(t, want, other.Pop())
		}
	})
}

func TestABurstLeavesLittleBehind(t *testing.T) {
	var q Queue[*int]
	for range 1_000_000 {
		q.Push(new(int))
	}
	for q.Len() > 0 {
		q.Pop()
	}
	slots := 0
	for _, c := range []*chunk[*int]{q.head, q.spare} {
		for ; c != nil; c = c.next {
			slots += len(c.items)
			for _, item := range c.items {
				require.Nil(t, item, "what was popped must not be kept alive")
			}
		}
	}
	require.LessOrEqual(t, slots, (2+1)*largest)
}

func TestASteadyQueueDoesNotAllocate(t *testing.T) {
	var q Queue[int]
	for range 2000 {
		q.Push(1)
	}
	require.Zero(t, testing.AllocsPerRun(10_000, func() {
		q.Push(1)
		q.Pop()
	}))
}
