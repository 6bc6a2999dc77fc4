package worker

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDone = errors.New("done")

func TestStepsComeOneAfterAnotherEvenIfOneEndsTheGoroutine(t *testing.T) {
	var w Worker
	var steps []int
	for n := range 5 {
		w.Run(func() {
			steps = append(steps, n)
			if n%2 == 1 {
				runtime.Goexit()
			}
		})
	}
	<-w.Start(func(done func(error)) { done(nil) })
	require.Equal(t, []int{0, 1, 2, 3, 4}, steps)
	w.GiveUp()
	w.GiveUp()
}

func TestAStepThatIsGivenUpCostsTheGoroutineOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		hanging := w.Start(func(done func(error)) { time.Sleep(time.Hour); done(errDone) })
		_, came := Patience{Limit: time.Second}.Await(hanging)
		require.False(t, came)
		w.GiveUp()
		err, came := Patience{}.Await(w.Start(func(done func(error)) { done(errDone) }))
		require.True(t, came)
		require.Equal(t, errDone, err)
		w.GiveUp()
		require.Equal(t, errDone, <-hanging, "there is room for what comes late")
	})
}

func TestPatienceHasItsLimits(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for name, c := range map[string]struct {
		patience Patience
		after    time.Duration
		came     bool
	}{
		"none":              {Patience{}, 10 * time.Second, true},
		"limit":             {Patience{Limit: 2 * time.Second}, 2 * time.Second, false},
		"limit enough":      {Patience{Limit: time.Minute}, 10 * time.Second, true},
		"interrupt":         {Patience{Interrupt: closed, Grace: 3 * time.Second}, 3 * time.Second, false},
		"interrupt, enough": {Patience{Interrupt: closed, Grace: time.Minute}, 10 * time.Second, true},
		"abort":             {Patience{Abort: closed}, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			done := make(chan error, 1)
			time.AfterFunc(10*time.Second, func() { done <- errDone })
			began := time.Now()
			err, came := c.patience.Await(done)
			require.Equal(t, c.after, time.Since(began), name)
			require.Equal(t, c.came, came, name)
			require.Equal(t, c.came, err != nil, name)
		})
	}
}

func TestStuckNamesThoseThatDidNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done, never, cut := make(chan struct{}), make(chan struct{}), make(chan struct{})
		time.AfterFunc(time.Second, func() { close(done) })
		all := []Callback{{"late", done}, {"never", never}}
		require.Equal(t, []string{"never"}, new(Waiter).Stuck(all, time.Now().Add(time.Minute)))
		time.AfterFunc(time.Second, func() { close(cut) })
		began := time.Now()
		require.Equal(t, []string{"never"}, (&Waiter{Cut: cut}).Stuck(all, time.Now().Add(time.Minute)))
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestNudgeNeverWaits(t *testing.T) {
	ch := make(chan struct{}, 1)
	Nudge(ch)
	Nudge(ch)
	require.True(t, Closed(ch))
	require.False(t, Closed(ch))
}
