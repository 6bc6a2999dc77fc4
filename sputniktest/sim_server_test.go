package sputniktest_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// server is the plug-in of the connector, and the server behind it. A connection is its epoch: a number that
// is never used again.
type server struct {
	w *world
	a *actor

	mu     sync.Mutex
	n      [calls]int
	calls  int           // in progress
	what   call          // the last one
	began  time.Duration // when
	epoch  int           // of the last connection
	up     bool          // Connect has succeeded, Disconnect wasn't called yet
	upAt   time.Duration
	sick   bool // the connector has been told so
	sickAt time.Duration
	broken chan error
	conns  []interval // of all connections, until they were known to be gone; to -1: still there
}

func (w *world) plugIn() sputnik.ServerConnector {
	switch w.plan.connector {
	case contextConnector:
		return withContext{w.server}
	case pushConnector:
		return withPush{w.server}
	default:
		return w.server
	}
}

type (
	withContext struct{ *server }
	withPush    struct{ *server }
)

func (c withContext) ConnectContext(ctx context.Context, _ sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return c.connect(ctx)
}

func (p withPush) Broken() <-chan error {
	err := p.call(callServerBroken, 0, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		return nil
	}
	return p.broken
}

func (s *server) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return s.connect(context.Background())
}

func (s *server) connect(ctx context.Context) (sputnik.ServerConnection, error) {
	if err := s.call(callServerConnect, 20*time.Millisecond, ctx.Done()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.up, s.upAt, s.sick, s.broken = true, s.w.now(), false, make(chan error, 1)
	s.conns = append(s.conns, interval{s.upAt, -1})
	return s.epoch, nil
}

func (s *server) IsConnected() bool { return s.call(callServerAlive, 3*time.Millisecond, nil) == nil }

func (s *server) Disconnect() { _ = s.call(callServerDisconnect, 10*time.Millisecond, nil) }

// call is one call of the plug-in.
func (s *server) call(c call, d time.Duration, stop <-chan struct{}) (err error) {
	s.mu.Lock()
	n := s.n[c]
	s.n[c]++
	s.what, s.began = c, s.w.now()
	if s.calls++; s.calls > 1 {
		s.w.o.offend("G15", "%v of the server is called while another call is in progress", c)
	}
	if up := c != callServerConnect; s.up != up {
		s.w.o.offend("G17", "%v of the server is called while connected is %v", c, s.up)
	}
	if c == callServerDisconnect {
		s.up = false
		s.lost(s.w.now())
		s.w.o.disconnecting(s.sick)
	}
	s.mu.Unlock()
	s.a.say("%v %d begins", c, n)
	st := &stage{w: s.w, a: s.a, slot: serverSlot, how: returns, stop: stop}
	defer func() {
		s.mu.Lock()
		s.calls--
		if c == callServerAlive && (err != nil || st.how != returns) || c == callServerBroken && st.how != returns {
			s.fallSick(s.w.now())
		}
		if limit := s.w.plan.connectTimeout; (c == callServerAlive || c == callServerBroken) && s.w.now()-s.began >= limit {
			s.fallSick(s.began + limit)
		}
		s.mu.Unlock()
		s.a.say("%v %d %s", c, n, st.how)
	}()
	if d > 0 {
		s.a.dally(d)
	}
	err = st.act(c, n)
	if err == nil && stop != nil {
		select {
		case <-stop:
			err = fmt.Errorf("interrupted: %w", errPlanned)
		default:
		}
	}
	if err != nil {
		st.how = fails
	}
	return err
}

func (s *server) fallSick(at time.Duration) {
	s.sick, s.sickAt = true, at
	s.lost(at)
}

func (s *server) lost(at time.Duration) {
	if last := &s.conns[len(s.conns)-1]; last.to < 0 || at < last.to {
		last.to = at
	}
}

// push tells the connector that its connection is broken, if it listens.
func (s *server) push() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up || s.sick || s.w.plan.connector != pushConnector {
		return false
	}
	s.fallSick(s.w.now())
	s.broken <- errPlanned
	return true
}

// standing returns the epoch of the connection that the connector must take for good, or 0, and since when it is so.
func (s *server) standing() (epoch int, since time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.up:
		return 0, 0
	case s.sick:
		return 0, s.sickAt
	case s.calls > 0 && s.what != callServerConnect && s.w.now()-s.began >= s.w.plan.connectTimeout:
		return 0, s.began + s.w.plan.connectTimeout
	}
	return s.epoch, s.upAt
}

// changed returns when the connection came or was lost.
func (s *server) changed() time.Duration {
	_, since := s.standing()
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(since, s.upAt, s.sickAt)
}
