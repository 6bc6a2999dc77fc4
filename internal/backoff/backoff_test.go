package backoff

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPauseDoublesUpToTheLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(1, math.MaxInt64).Draw(t, "base")
		longest := rapid.Int64Range(1, math.MaxInt64).Draw(t, "longest")
		failures := rapid.IntRange(0, 100).Draw(t, "failures")
		most := min(float64(base)*math.Pow(2, float64(max(failures-1, 0))), float64(longest))
		pause := Pause(failures, time.Duration(base), time.Duration(longest))
		require.Positive(t, pause)
		require.LessOrEqual(t, float64(pause), most)
	})
}

func TestPauseUsesTheWholeRange(t *testing.T) {
	for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 1000: 10 * time.Second} {
		shortest, longest := most, time.Duration(0)
		for range 1000 {
			pause := Pause(failures, time.Second, 10*time.Second)
			shortest, longest = min(shortest, pause), max(longest, pause)
		}
		assert.Less(t, shortest, most/10, "after %d", failures)
		assert.Greater(t, longest, most*9/10, "after %d", failures)
	}
}
