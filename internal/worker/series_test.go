package worker

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// row7 runs seven steps, each of which takes a second, and returns those that came.
func row7(w *Worker, p Patience, step func(i int), more func(i int) bool) (came []int, hung int, ran time.Duration) {
	hung, ran = Each(w, 0, 7, p, func(i int, done func(int, error)) {
		defer func() { done(i, errDone) }()
		step(i)
	}, func(i, result int, err error, took time.Duration) bool {
		if i != result || !errors.Is(err, errDone) || took != time.Second {
			panic("not the outcome of this step")
		}
		came = append(came, i)
		return more == nil || more(i)
	})
	return came, hung, ran
}

func second(int) { time.Sleep(time.Second) }

func TestEachStepHasALimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		came, hung, _ := row7(&w, Patience{Limit: 1500 * time.Millisecond}, second, nil)
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, came)
		assert.Equal(t, 7, hung)

		began := time.Now()
		came, hung, ran := row7(&w, Patience{Limit: 1500 * time.Millisecond}, func(i int) {
			if second(i); i == 3 {
				time.Sleep(time.Hour)
			}
		}, nil)
		assert.Equal(t, []int{0, 1, 2}, came)
		assert.Equal(t, 3, hung)
		assert.Equal(t, 1500*time.Millisecond, ran)
		assert.Equal(t, 4500*time.Millisecond, time.Since(began))
		w.GiveUp()
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int{0, 1, 2}, came, "what comes late doesn't count, and nothing follows")
	})
}

func TestASeriesGoesOnAfterAStepThatEndsTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		came, hung, _ := row7(&w, Patience{Limit: time.Minute}, func(i int) {
			if second(i); i%2 == 0 {
				runtime.Goexit()
			}
		}, nil)
		assert.Len(t, came, 7)
		assert.Equal(t, 7, hung)
		w.GiveUp()
	})
}

func TestASeriesEndsWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Worker
		came, hung, _ := row7(&w, Patience{}, second, func(i int) bool { return i < 2 })
		assert.Equal(t, []int{0, 1, 2}, came)
		assert.Equal(t, 7, hung, "none hung")
		w.GiveUp()
	})
}

func TestASeriesIsInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		patience func(stop chan struct{}) Patience
		hung     int
		after    time.Duration
	}{
		"abort":         {func(stop chan struct{}) Patience { return Patience{Abort: stop} }, 2, 2500 * time.Millisecond},
		"grace":         {func(stop chan struct{}) Patience { return Patience{Interrupt: stop, Grace: time.Second} }, 3, 3500 * time.Millisecond},
		"grace, enough": {func(stop chan struct{}) Patience { return Patience{Interrupt: stop, Grace: time.Minute} }, 7, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w Worker
				stop := make(chan struct{})
				time.AfterFunc(2500*time.Millisecond, func() { close(stop) })
				began := time.Now()
				came, hung, _ := row7(&w, c.patience(stop), second, nil)
				assert.Equal(t, c.hung, hung)
				assert.Len(t, came, hung)
				assert.Equal(t, c.after, time.Since(began))
				w.GiveUp()
				time.Sleep(time.Second) // the step that was given up returns
				assert.Len(t, came, hung)
			})
		})
	}
}

func TestAllStepsOfASeriesShareTheWorkersGoroutine(t *testing.T) {
	var w Worker
	on := func() string {
		buf := make([]byte, 64)
		return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
	}
	first := ""
	w.Run(func() { first = on() })
	Each(&w, 0, 100, Patience{Limit: time.Minute}, func(_ int, done func(string, error)) { done(on(), nil) },
		func(_ int, g string, _ error, _ time.Duration) bool { require.Equal(t, first, g); return true })
	w.GiveUp()
}
