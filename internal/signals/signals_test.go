package signals

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCopiesOfTheFirstDontInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(chan os.Signal)
		var first []os.Signal
		again := 0
		stop := Listen(from, func(s os.Signal) { first = append(first, s) }, func() { again++ })
		time.Sleep(time.Hour)
		from <- syscall.SIGTERM
		from <- os.Interrupt
		time.Sleep(sameDelivery - 1)
		from <- os.Interrupt
		synctest.Wait()
		assert.Equal(t, []os.Signal{syscall.SIGTERM}, first)
		assert.Zero(t, again)
		time.Sleep(time.Nanosecond)
		from <- os.Interrupt
		from <- os.Interrupt
		stop()
		assert.Len(t, first, 1)
		assert.Equal(t, 2, again)
	})
}

func TestASignalThatWaitsIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(chan os.Signal, 2)
		from <- os.Interrupt
		came, insists := false, false
		stop := Listen(from, func(os.Signal) { came = true }, func() { insists = true })
		assert.True(t, came)
		from <- os.Interrupt
		synctest.Wait()
		assert.False(t, insists, "it may be a copy")
		time.Sleep(sameDelivery)
		from <- os.Interrupt
		synctest.Wait()
		assert.True(t, insists)
		stop()
	})
}

func TestAClosedChannelIsNoSignal(t *testing.T) {
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			from := make(chan os.Signal)
			if before {
				close(from)
			}
			stop := Listen(from, func(os.Signal) { t.Error("first") }, func() { t.Error("again") })
			if !before {
				close(from)
			}
			time.Sleep(time.Hour)
			stop()
		})
	}
}

func TestNothingIsCalledAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(chan os.Signal, 1)
		stop := Listen(from, func(os.Signal) { t.Error("first") }, func() { t.Error("again") })
		stop()
		from <- os.Interrupt
		synctest.Wait()
		assert.Len(t, from, 1)
	})
}

func TestStopWaitsForACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(chan os.Signal)
		through := false
		stop := Listen(from, func(os.Signal) { time.Sleep(time.Second); through = true }, func() {})
		from <- os.Interrupt
		stop()
		assert.True(t, through)
	})
}
