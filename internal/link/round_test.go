package link

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// crowd is a row of receivers, each of which takes its time, and what they were told.
type crowd struct {
	links []*Link
	mu    sync.Mutex
	heard []string
}

func newCrowd(slow ...time.Duration) *crowd {
	c := new(crowd)
	for i, takes := range slow {
		tell := func(what string) {
			time.Sleep(takes)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.heard = append(c.heard, fmt.Sprint(i, what))
		}
		var l *Link
		l = New(func() {
			go func() {
				for _, callback := l.Next(); callback != nil; _, callback = l.Next() {
					callback()
					l.Done()
				}
			}()
		}, func(conn any) { tell(fmt.Sprint(" up ", conn)) }, func() { tell(" down") })
		l.Open(0, nil)
		c.links = append(c.links, l)
	}
	return c
}

// told returns what they were told when all is at rest.
func (c *crowd) told() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

func TestARoundIsInOrderAndALossInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(3*time.Millisecond, 2*time.Millisecond, time.Millisecond)
		Tell(t.Context(), c.links, 1, "x")
		Tell(t.Context(), c.links, 0, nil)
		Tell(t.Context(), c.links, 2, "y")
		assert.Equal(t, []string{
			"0 up x", "1 up x", "2 up x",
			"2 down", "1 down", "0 down",
			"0 up y", "1 up y", "2 up y",
		}, c.told())
	})
}

func TestSlowReceiversHoldUpARoundOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(time.Hour, time.Hour, 0)
		began := time.Now()
		Tell(t.Context(), c.links, 1, "x")
		assert.Equal(t, roundPatience, time.Since(began))
		synctest.Wait()
		assert.Equal(t, []string{"2 up x"}, c.told())
		Tell(t.Context(), c.links, 0, nil)
		time.Sleep(3 * time.Hour)
		assert.Len(t, c.told(), 6, "the slow ones catch up")
	})
}

func TestARoundTellsAllButWaitsForNobodyAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(time.Millisecond, time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		Tell(ctx, c.links, 1, "x")
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Second)
		assert.Len(t, c.told(), 2)
	})
}
