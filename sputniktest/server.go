package sputniktest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/sputnik-go/sputnik"
)

// ErrDown is what Connect returns while the server is down ([Server.Down]).
var ErrDown = errors.New("sputniktest: the server is down")

// ErrBroken is what comes from Broken when the server breaks a connection.
var ErrBroken = errors.New("sputniktest: the connection is broken")

// Conn is a connection to a [Server] whose test hands out none of its own ([Server.Serve]).
type Conn struct{ Number int } // of the connect, from 1

// Server is a pretended server together with the plug-in that connects to it. It does what the test says, at any time
// and from any goroutine, and it fails the test when it is used as no [sputnik.ServerConnector] may be used: two calls
// at a time, Connect while connected, anything else while not, a connection that is never disconnected.
//
// Server itself is a plug-in with everything: [sputnik.ContextConnector] and [sputnik.PushConnector]; see Plain,
// Contextual and Pushing for less. In a bubble, make it there.
type Server struct {
	tb testing.TB

	mu       sync.Mutex
	open     func(n int) sputnik.ServerConnection
	refusal  error // what Connect returns; nil: it succeeds
	slow     time.Duration
	hang     bool
	calm     chan struct{} // closed by Up; made by the first call that waits for it
	waiting  int           // calls that do
	busy     string        // the call in progress
	over     bool          // the test has ended
	attempts int
	connects int

	connected bool // Connect succeeded, and Disconnect was not called since
	alive     bool
	conn      sputnik.ServerConnection
	broken    chan error // of this connection
}

// NewServer returns a server that is up. When the test ends, hanging calls return.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb, open: func(n int) sputnik.ServerConnection { return &Conn{n} }}
	tb.Cleanup(s.cleanup)
	return s
}

// Serve sets what Connect returns: the n-th connection, from 1. If it is an io.Closer, Disconnect closes it.
func (s *Server) Serve(open func(n int) sputnik.ServerConnection) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = open
	return s
}

// Up ends whatever Down, Refuse, Hang and Slow have begun; calls that wait return. A broken connection stays broken.
func (s *Server) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.slow, s.hang = nil, 0, false
	s.release()
}

// Down takes the server away: the connection breaks as by Break, and Connect returns ErrDown from now on.
func (s *Server) Down() {
	s.Refuse(ErrDown)
	s.Break()
}

// Refuse makes Connect return err from now on. A connection that stands isn't touched.
func (s *Server) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

// Break breaks the connection, if there is one, and says so by Broken at once. The next Connect succeeds, if the
// server is up.
func (s *Server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive {
		s.alive = false
		s.broken <- ErrBroken // there is room: once for each connection
	}
}

// Fade breaks the connection without a word: only the next heartbeat tells.
func (s *Server) Fade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = false
}

// Hang makes every call hang from now on, until Up or the end of the test; ConnectContext also returns at the end of
// its context. Broken never hangs.
func (s *Server) Hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = true
}

// Slow makes every call from now on take d, or until Up; ConnectContext also returns at the end of its context.
func (s *Server) Slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// Attempts tells how often Connect or ConnectContext was called.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// Connected returns the connection that stands, broken or not, and false where there is none.
func (s *Server) Connected() (sputnik.ServerConnection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.connected
}

// release lets the calls return that hang or are slow. Called with the lock held.
func (s *Server) release() {
	if s.calm != nil {
		close(s.calm)
		s.calm = nil
	}
}

func (s *Server) cleanup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected && s.waiting == 0 {
		s.misused("the connection was never disconnected: the process has not ended, or forgets Disconnect (G17)")
	}
	s.over = true
	s.release()
}

// misused fails the test. Called with the lock held.
func (s *Server) misused(what string) {
	if !s.over {
		s.tb.Errorf("sputniktest.Server: misused: %s", what)
	}
}

// enter begins a call of the plug-in, and waits as long as the script says.
func (s *Server) enter(ctx context.Context, call string, wantConnected bool) {
	s.mu.Lock()
	switch {
	case s.busy != "":
		s.misused(call + " while " + s.busy + " is in progress: one call at a time (G15)")
	case wantConnected && !s.connected:
		s.misused(call + " without a connection: only what was connected is asked and disconnected (G17)")
	case !wantConnected && s.connected:
		s.misused(call + " while connected: Disconnect comes first (G17)")
	}
	s.busy = call
	if !s.hang && s.slow == 0 {
		s.mu.Unlock()
		return
	}
	var up <-chan time.Time // nil: it hangs
	if !s.hang {
		timer := time.NewTimer(s.slow)
		defer timer.Stop()
		up = timer.C
	}
	if s.calm == nil {
		s.calm = make(chan struct{})
	}
	calm := s.calm
	s.waiting++
	s.mu.Unlock()

	select {
	case <-calm:
	case <-up:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = ""
}

// Connect implements [sputnik.ServerConnector].
func (s *Server) Connect(cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return s.ConnectContext(context.Background(), cf)
}

// ConnectContext implements [sputnik.ContextConnector].
func (s *Server) ConnectContext(ctx context.Context, _ sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	s.enter(ctx, "Connect", false)
	defer s.leave()
	n, open, err := s.admit(ctx)
	if err != nil {
		return nil, err
	}
	conn := open(n) // without the lock: it is the test's
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.connected, s.alive, s.broken = conn, true, true, make(chan error, 1)
	return conn, nil
}

// admit decides on an attempt.
func (s *Server) admit(ctx context.Context) (n int, open func(int) sputnik.ServerConnection, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.refusal != nil {
		return 0, nil, s.refusal
	}
	if ctx.Err() != nil {
		return 0, nil, context.Cause(ctx)
	}
	s.connects++
	return s.connects, s.open, nil
}

// IsConnected implements [sputnik.ServerConnector].
func (s *Server) IsConnected() bool {
	s.enter(context.Background(), "IsConnected", true)
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive
}

// Disconnect implements [sputnik.ServerConnector].
func (s *Server) Disconnect() {
	s.enter(context.Background(), "Disconnect", true)
	defer s.leave()
	s.mu.Lock()
	conn := s.conn
	s.connected, s.alive, s.conn = false, false, nil
	s.mu.Unlock()
	if c, ok := conn.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.tb.Logf("sputniktest.Server: close of a connection: %v", err)
		}
	}
}

// Broken implements [sputnik.PushConnector].
func (s *Server) Broken() <-chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}
