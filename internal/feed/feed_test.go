package feed

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestItemsComeInOrderLossesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got, missed []int
		f := New(3, func(n int) { time.Sleep(time.Second); got = append(got, n) }, func(n int) { missed = append(missed, n) })
		f.Put(1)
		synctest.Wait() // being delivered
		for n := 2; n < 10; n++ {
			f.Put(n)
		}
		done := f.Close()
		f.Put(99)
		<-done
		require.Equal(t, []int{1, 2, 3, 4}, got)
		require.Equal(t, []int{5}, missed)
	})
}

func TestACallbackThatEndsTheGoroutineCostsItsItemOnly(t *testing.T) {
	var got []int
	f := New(10, func(n int) {
		if n == 2 {
			runtime.Goexit()
		}
		got = append(got, n)
	}, nil)
	for n := range 5 {
		f.Put(n)
	}
	<-f.Close()
	require.Equal(t, []int{0, 1, 3, 4}, got)
}
