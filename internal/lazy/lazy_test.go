package lazy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errWhy = errors.New("why")

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestALatchClosesOnceForThoseBeforeAndAfter(t *testing.T) {
	var l Latch
	before := l.Done()
	assert.False(t, l.Closed())
	assert.False(t, isClosed(before))
	l.Close()
	l.Close()
	assert.True(t, l.Closed())
	assert.True(t, isClosed(before))
	assert.True(t, isClosed(l.Done()))
	var unasked Latch
	unasked.Close()
	assert.True(t, isClosed(unasked.Done()))
}

type key struct{}

func newRun() *RunContext {
	c := new(RunContext)
	c.Init(context.WithValue(context.Background(), key{}, "value"))
	return c
}

// TestAContextIsLikeOneOfTheStandardLibrary asks it before its end, after, and both; nobody can tell when it was made.
func TestAContextIsLikeOneOfTheStandardLibrary(t *testing.T) {
	for name, before := range map[string]func(c context.Context){
		"not asked": func(context.Context) {},
		"Done":      func(c context.Context) { assert.False(t, isClosed(c.Done())) },
		"Value":     func(c context.Context) { assert.Nil(t, c.Value("no such key")) },
		"Cause":     func(c context.Context) { assert.NoError(t, context.Cause(c)) },
		"Err":       func(c context.Context) { assert.NoError(t, c.Err()) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newRun()
			before(c)
			c.End(errWhy)
			c.End(errors.New("another"))
			require.ErrorIs(t, c.Err(), context.Canceled)
			assert.Equal(t, errWhy, context.Cause(c))
			assert.True(t, isClosed(c.Done()))
			assert.Equal(t, "value", c.Value(key{}))
			child, cancel := context.WithCancel(c)
			defer cancel()
			assert.Equal(t, errWhy, context.Cause(child))
			_, limited := c.Deadline()
			assert.False(t, limited)
			assert.NotContains(t, fmt.Sprint(c), "value", "its fields are its own")
			assert.NoError(t, c.Flush.Err(), "outlives it")
		})
	}
	c := newRun()
	c.End(nil)
	assert.Equal(t, context.Canceled, context.Cause(c))
}

func TestChildrenEndWithItWithoutAGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRun()
		goroutines := runtime.NumGoroutine()
		child, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		called := false
		context.AfterFunc(child, func() { called = true })
		assert.Equal(t, goroutines, runtime.NumGoroutine())
		c.End(errWhy)
		assert.True(t, isClosed(child.Done()), "at once")
		assert.Equal(t, errWhy, context.Cause(child))
		synctest.Wait()
		assert.True(t, called)
	})
}

func TestTheFlushOutlivesTheRun(t *testing.T) {
	c := newRun()
	inner := context.WithValue(c, "k", "v") //nolint:revive,staticcheck // of the test
	flush := FlushOf(inner)
	assert.Equal(t, &c.Flush, flush)
	assert.Equal(t, "value", flush.Value(key{}))
	c.End(errWhy)
	assert.NoError(t, flush.Err())
	c.Flush.End(nil)
	assert.True(t, isClosed(flush.Done()))
	assert.Equal(t, context.Background(), FlushOf(context.Background()), "is none")
}

func TestWhoSeesTheEndSeesAllOfIt(t *testing.T) {
	for range 200 {
		c := newRun()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				<-c.Done()
				assert.Equal(t, context.Canceled, c.Err())
				assert.Equal(t, errWhy, context.Cause(c))
			})
			all.Go(func() {
				if c.Err() != nil {
					assert.True(t, isClosed(c.Done()))
					assert.Equal(t, errWhy, context.Cause(c))
				}
			})
		}
		c.End(errWhy)
		all.Wait()
	}
}
