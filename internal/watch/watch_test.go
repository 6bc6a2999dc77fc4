package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type look struct {
	turn Turn
	of   string
	took time.Duration
}

func see(c *Call, name string, mark uint64) look {
	turn, of, took := c.See(name, mark, 2*time.Second)
	return look{turn, of, took}
}

func TestACallStallsOnceAndComesBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Call
		var got []look
		for _, name := range []string{"", "f", "f", "f", "f", "g", "", ""} {
			got = append(got, see(&c, name, 0))
			require.Equal(t, len(got) == 4 || len(got) == 5, c.Stalled() == "f")
			time.Sleep(time.Second)
		}
		require.Equal(t, []look{{}, {}, {}, {Stalled, "f", 2 * time.Second}, {}, {Returned, "f", 4 * time.Second}, {}, {}}, got)
	})
}

func TestShortCallsOfTheSameNameNeverStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Call
		for mark := range uint64(10) {
			require.Equal(t, look{}, see(&c, "f", mark))
			time.Sleep(time.Second)
		}
		require.Equal(t, look{}, see(&c, "f", 9))
		time.Sleep(time.Second)
		require.Equal(t, look{Stalled, "f", 2 * time.Second}, see(&c, "f", 9))
		require.Equal(t, look{Returned, "f", 2 * time.Second}, see(&c, "f", 10), "another one")
	})
}

func TestNothingNeverStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Call
		for range 5 {
			require.Equal(t, look{}, see(&c, "", 0))
			time.Sleep(time.Minute)
		}
		require.Empty(t, c.Stalled())
	})
}

func TestNothingIsKeptWhileNoCallIsInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Calls
		see := func(place int, name string) Turn {
			turn, _, _ := c.See(place, name, 1, time.Second)
			return turn
		}
		require.Equal(t, None, see(0, ""))
		require.Nil(t, c.places)
		require.Equal(t, None, see(1, "OnMsg"))
		time.Sleep(time.Second)
		require.Equal(t, None, see(0, ""))
		require.Equal(t, Stalled, see(1, "OnMsg"))
		require.Equal(t, "OnMsg", c.Stalled())
		require.Equal(t, Returned, see(1, ""))
		require.Empty(t, c.Stalled())
		require.Nil(t, c.places)
	})
}
