package sputniktest

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/sputnik-go/sputnik"
)

// interruption is how long sputnik waits for a call of a plug-in whose context has ended.
const interruption = 2 * time.Second

// outcome is how a call ended.
type outcome struct {
	returned bool
	panicked any
	stack    []byte
}

// call calls the plug-in as sputnik does, on some goroutine and with a limit. It tells whether the call returned; what
// method writes may be read only then.
func (s *scene) call(name string, limit time.Duration, method func()) bool {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if o.panicked = recover(); o.panicked != nil {
				o.stack = debug.Stack()
			}
			done <- o
		}()
		method()
		o.returned = true
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case o := <-done:
		switch {
		case o.panicked != nil:
			s.fault(failure, "panic in "+name, "%s panicked: %v\n%s", name, o.panicked, o.stack)
		case !o.returned:
			s.fault(failure, "goexit in "+name, "%s ended its goroutine (runtime.Goexit)", name)
		}
		return o.returned
	case <-timer.C:
		s.fault(lateness, name+" hangs", "%s did not return within %v", name, limit)
		return false
	}
}

// connect makes an attempt that has to succeed, and tells whether the connection stands then.
func (s *scene) connect(c sputnik.ServerConnector) bool {
	err, returned := s.attempt(context.Background(), s.limit, c)
	if returned && err != nil {
		s.fault(failure, "error of Connect", "Connect: %v", err)
	}
	return returned && err == nil
}

// attempt calls ConnectContext where there is one, as sputnik does.
func (s *scene) attempt(ctx context.Context, limit time.Duration, c sputnik.ServerConnector) (err error, returned bool) { //nolint:revive // the error is the value here
	var result error
	returned = s.call("Connect", limit, func() {
		if cc, ok := c.(sputnik.ContextConnector); ok {
			_, result = cc.ConnectContext(ctx, s.conf)
		} else {
			_, result = c.Connect(s.conf)
		}
	})
	if returned {
		err = result
	}
	return err, returned
}

// alive tells what IsConnected says, and whether it said anything.
func (s *scene) alive(c sputnik.ServerConnector) (alive, returned bool) {
	var said bool
	returned = s.call("IsConnected", s.limit, func() { said = c.IsConnected() })
	return returned && said, returned
}

// broken returns what Broken does; nil where there is no such method.
func (s *scene) broken(c sputnik.ServerConnector) <-chan error {
	push, ok := c.(sputnik.PushConnector)
	var broken <-chan error
	if ok && s.call("Broken", s.limit, func() { broken = push.Broken() }) {
		return broken
	}
	return nil
}

func (s *scene) disconnect(c sputnik.ServerConnector) bool {
	return s.call("Disconnect", s.limit, c.Disconnect)
}

// cycle is connect, heartbeat, disconnect, with the server up. It tells whether all went well.
func (s *scene) cycle(c sputnik.ServerConnector) bool {
	if !s.connect(c) {
		return false
	}
	alive, returned := s.alive(c)
	if returned && !alive {
		s.fault(failure, "not connected", "IsConnected was false right after Connect returned no error")
	}
	return returned && s.disconnect(c) && alive
}

// firstConnect is played once for the basic checks.
func firstConnect(s *scene) {
	s.phase = inFactory
	c := s.newConnectors()
	if c == nil || len(s.faults) > 0 {
		return
	}
	s.phase = inFlight
	w := newWatch()
	s.cycle(c)
	s.rest(w, "Disconnect")
}

// newConnectors calls the factory and returns a connector.
func (s *scene) newConnectors() (c sputnik.ServerConnector) {
	if s.connector == nil {
		s.fault(failure, "nil factory", "the function that makes the connector is nil")
		return nil
	}
	w := newWatch()
	var one, other sputnik.ServerConnector
	if !s.call("the factory", s.limit, func() { one = s.connector(); other = s.connector() }) {
		return nil
	}
	c = one
	if c == nil {
		s.fault(failure, "nil connector", "the factory returned a nil connector")
		return nil
	}
	if t := reflect.TypeOf(c); t.Kind() == reflect.Pointer && t.Elem().Size() > 0 && c == other {
		s.fault(failure, "same connector", "two calls of the factory returned the same connector")
	}
	s.rest(w, "two calls of the factory")
	return c
}

// rest looks for goroutines that are left, unless a call hangs, which explains them.
func (s *scene) rest(w watch, after string) {
	for _, f := range s.faults {
		if f.kind == lateness {
			return
		}
	}
	s.leaks(w, after)
}

func checkCycles(s *scene) {
	c := s.connector()
	w := newWatch()
	for n := 1; n <= s.cycles; n++ {
		if !s.cycle(c) {
			s.faults[len(s.faults)-1].text += fmt.Sprintf("\n\tin cycle %d of %d", n, s.cycles)
			return
		}
	}
	s.rest(w, fmt.Sprintf("%d cycles", s.cycles))
}

func checkContext(s *scene) {
	c := s.connector()
	if _, ok := c.(sputnik.ContextConnector); !ok {
		s.skip = "it has no ConnectContext"
		return
	}
	w := newWatch()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.interrupted(ended, c)
	if s.mute != nil && len(s.faults) == 0 {
		s.mute()
		ctx, cancel := context.WithTimeout(context.Background(), kitInterval)
		defer cancel()
		s.interrupted(ctx, c)
		s.unmute()
	}
	s.rest(w, "a ConnectContext whose context had ended")
}

// interrupted makes an attempt under a context that ends, or has ended. It may succeed even so.
func (s *scene) interrupted(ctx context.Context, c sputnik.ServerConnector) {
	if err, returned := s.attempt(ctx, kitInterval+interruption, c); returned && err == nil {
		s.disconnect(c)
	}
}

// settle waits as long as a few heartbeats take, or for broken.
func (s *scene) settle(broken <-chan error) (silent bool) {
	timer := time.NewTimer(5 * kitInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-broken: //nolint:errcheck // a value or the close, whatever
		return false
	}
}

func checkQuiet(s *scene) {
	c := s.connector()
	w := newWatch()
	s.quiet(c)
	s.rest(w, "Broken and Disconnect")
}

// quiet connects, hears nothing of Broken, and disconnects.
func (s *scene) quiet(c sputnik.ServerConnector) bool {
	if _, ok := c.(sputnik.PushConnector); !ok {
		s.skip = "it has no Broken"
		return false
	}
	if !s.connect(c) {
		return false
	}
	silent := s.settle(s.broken(c))
	if !silent {
		s.fault(failure, "false alarm", "Broken says that the connection is broken, but nobody broke it")
	}
	return s.disconnect(c) && silent
}

func checkQuietAgain(s *scene) {
	if c := s.connector(); s.quiet(c) {
		s.quiet(c)
	}
}
