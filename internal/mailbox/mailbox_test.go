package mailbox

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send waits for room until quit is closed.
func send(b *Box, m Msg, quit <-chan struct{}) bool {
	accepted, full := b.Send(m)
	if !full {
		return accepted
	}
	accepted, held := b.Hold(m, true)
	if held != nil {
		accepted, _ = Await[int](b, held, quit, nil, nil)
	}
	return accepted
}

// serve is the body of a consumer goroutine.
func serve(b *Box, handle func(m Msg)) func() {
	return func() {
		for m, more := b.Next(); more; m, more = b.Next() {
			if m == nil {
				b.TakeNews()
				continue
			}
			handle(m)
			b.Handled()
		}
	}
}

// model is what a box should be: a plain slice, and a consumer that takes one message each time it is let.
type model struct {
	capacity int
	overflow Overflow
	inside   bool // a message is being handled
	paused   bool
	queue    []int
	waiting  []int // senders held by Wait
	handled  []int
	accepted uint64
	rejected uint64
	dropped  uint64
}

func (m *model) take() {
	if !m.inside && !m.paused && len(m.queue) > 0 {
		m.inside = true
		m.handled = append(m.handled, m.queue[0])
		m.queue = m.queue[1:]
	}
	for len(m.waiting) > 0 && len(m.queue) < m.capacity {
		m.queue = append(m.queue, m.waiting[0])
		m.waiting = m.waiting[1:]
		m.accepted++
	}
}

func (m *model) send(n int) {
	full := m.capacity > 0 && len(m.queue) >= m.capacity
	switch {
	case full && m.overflow == Reject:
		m.rejected++
		return
	case full && m.overflow == Wait:
		m.waiting = append(m.waiting, n)
		return
	case full:
		m.queue = m.queue[1:]
		m.dropped++
	}
	m.accepted++
	m.queue = append(m.queue, n)
	m.take()
}

// Whatever is sent, handled and closed, in whatever order, a box does what the slice does.
func TestABoxIsASlice(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { // each of its runs in a bubble of its own
		ops := rapid.SliceOfN(rapid.IntRange(0, 12), 60, 60).Draw(r, "what happens")
		m := model{capacity: rapid.IntRange(0, 3).Draw(r, "capacity"), overflow: Overflow(rapid.IntRange(1, 3).Draw(r, "overflow"))}
		early := rapid.IntRange(0, 3).Draw(r, "before it is open")
		synctest.Test(t, func(t *testing.T) { boxIsSlice(t, m, ops, early) })
	})
}

func boxIsSlice(t *testing.T, m model, ops []int, early int) {
	var b Box
	var handled []int
	gate := make(chan struct{})
	b.Init(m.capacity, m.overflow, false, serve(&b, func(msg Msg) {
		handled = append(handled, msg["n"].(int))
		<-gate
	}), func(Msg) {})
	var paused <-chan struct{}
	opened := false
	for n, op := range ops {
		if n == early {
			b.Open()
			opened = true
			synctest.Wait()
			m.take()
		}
		switch {
		case op < 6:
			go send(&b, Msg{"n": n}, nil)
			synctest.Wait()
			if opened {
				m.send(n)
			} else { // nobody takes, so only the queue changes
				m.inside = true
				m.send(n)
				m.inside = false
			}
		case op < 9 && m.inside:
			gate <- struct{}{}
			synctest.Wait()
			m.inside = false
			m.take()
		case op == 9:
			b.Kick()
			synctest.Wait()
		case op == 10 && opened && !m.paused:
			m.paused, paused = true, b.Pause()
			synctest.Wait()
		case op > 10 && m.paused && !m.inside:
			<-paused
			b.Open()
			synctest.Wait()
			m.paused = false
			m.take()
		}
		s := b.Stats()
		require.Equal(t, m.handled, handled)
		require.Equal(t, []uint64{m.accepted, m.rejected, m.dropped}, []uint64{s.Accepted, s.Rejected, s.Dead})
		depth := len(m.queue)
		if m.inside {
			depth++
		}
		require.Equal(t, depth, s.Depth)
	}
	if m.paused && m.inside {
		gate <- struct{}{}
		m.inside = false
	}
	if m.paused {
		<-paused
	}
	if !opened || m.paused {
		b.Open()
		synctest.Wait() // those that wait for room may get it
		m.paused = false
		m.take()
	}
	drained := b.Close()
	close(gate)
	<-drained
	s := b.Settle()
	require.Equal(t, append(m.handled, m.queue...), handled)
	require.Equal(t, m.rejected+uint64(len(m.waiting)), s.Rejected)
	require.Equal(t, s.Accepted, s.Handled+s.Dead)
	synctest.Wait()
}

// Hundreds of senders against close: what was accepted is handled, once, in the order of its sender.
func TestSendersAgainstClose(t *testing.T) {
	for _, c := range []struct {
		capacity int
		overflow Overflow
	}{{0, 0}, {3, Reject}, {3, DropOldest}, {3, Wait}} {
		for range 20 {
			var b Box
			next := make([]int, 300)
			var handled, accepted, rejected, dropped atomic.Uint64
			b.Init(c.capacity, c.overflow, false, serve(&b, func(msg Msg) {
				sender, n := msg["sender"].(int), msg["n"].(int)
				if n < next[sender] {
					t.Errorf("sender %d: %d after %d", sender, n, next[sender])
				}
				next[sender] = n + 1
				handled.Add(1)
			}), func(Msg) { dropped.Add(1) })
			b.Open()
			var senders sync.WaitGroup
			quit := make(chan struct{})
			for sender := range next {
				senders.Go(func() {
					for n := range 30 {
						if send(&b, Msg{"sender": sender, "n": n}, quit) {
							accepted.Add(1)
						} else {
							rejected.Add(1)
						}
					}
				})
			}
			for accepted.Load()+rejected.Load() < 4000 {
				b.Kick()
			}
			<-b.Close()
			close(quit)
			senders.Wait()
			s := b.Settle()
			require.Equal(t, accepted.Load(), s.Accepted)
			require.Equal(t, rejected.Load(), s.Rejected)
			require.Equal(t, handled.Load(), s.Handled)
			require.Equal(t, dropped.Load(), s.Dead)
			require.Equal(t, s.Accepted, s.Handled+s.Dead)
		}
	}
}

func TestCallOffStopsBeforeTheNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Box
		gate := make(chan struct{})
		handled := 0
		b.Init(0, 0, false, serve(&b, func(Msg) {
			handled++
			<-gate
		}), nil)
		b.Open()
		for range 5 {
			require.True(t, send(&b, Msg{}, nil))
			synctest.Wait()
		}
		drained := b.Close()
		b.CallOff()
		close(gate)
		<-drained
		require.Equal(t, 1, handled)
		require.False(t, send(&b, Msg{}, nil))
		require.Equal(t, Stats{HighWater: 5, Accepted: 5, Handled: 1, Dead: 4, Rejected: 1}, b.Settle())
	})
}

// A pause that meets a message on its way to the consumer gives it back: it is handled after the pause, before those behind it.
func TestAPauseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Box
		var handled []int
		b.Init(0, 0, false, serve(&b, func(msg Msg) { handled = append(handled, msg["n"].(int)) }), nil)
		b.Open()
		for n := range 500 {
			require.True(t, send(&b, Msg{"n": 2 * n}, nil))
			paused := b.Pause()
			require.True(t, send(&b, Msg{"n": 2*n + 1}, nil))
			<-paused
			b.Open()
			synctest.Wait()
			require.Len(t, handled, 2*n+2)
			require.Equal(t, 2*n+1, handled[2*n+1])
		}
		<-b.Close()
	})
}

// A pause that comes just before the consumer parks stops it as well.
func TestAPauseMeetsAConsumerAboutToPark(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		var b Box
		b.Init(0, 0, false, serve(&b, func(Msg) {}), nil)
		b.Open()
		for n := range 3_000 {
			send(&b, Msg{}, nil)
			for b.handled.Load() == uint64(n) { // then it is in Next
			}
			for range n % 50 { // at every moment of it
				_ = b.signs.Load()
			}
			<-b.Pause() // else the bubble finds that all are stuck
			b.Open()
		}
		<-b.Close()
	})
}

func TestAHeldSenderIsPendingUntilItIsDecided(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	for name, k := range map[string]struct {
		decide   func(b *Box)
		quit     <-chan struct{}
		accepted bool
	}{
		"room":   {func(b *Box) { b.Open() }, nil, true},
		"closed": {func(b *Box) { b.Close() }, nil, false},
		"quit":   {func(*Box) {}, ended, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b Box
			b.Init(1, Wait, false, serve(&b, func(Msg) {}), func(Msg) {})
			b.Send(Msg{})
			_, held := b.Hold(Msg{}, true)
			require.True(t, held.Pending())
			k.decide(&b)
			synctest.Wait()
			require.Equal(t, k.quit != nil, held.Pending(), name)
			accepted, over := Await[int](&b, held, k.quit, nil, nil)
			require.Equal(t, []bool{k.accepted, true}, []bool{accepted, over}, name)
			require.False(t, held.Pending(), name)
			b.Close()
		})
	}
}
