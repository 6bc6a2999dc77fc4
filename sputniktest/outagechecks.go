package sputniktest

import (
	"context"
	"time"

	"github.com/sputnik-go/sputnik"
)

// outage tells whether the kit has a way to make one.
func (s *scene) outage() bool {
	if s.down == nil || s.up == nil {
		s.skip = "there is no way to take the server away: use WithOutage"
		return false
	}
	return true
}

func checkRefused(s *scene) {
	if !s.outage() {
		return
	}
	c := s.connector()
	w := newWatch()
	s.down()
	err, returned := s.attempt(context.Background(), s.limit, c)
	if returned && err == nil {
		s.fault(failure, "false success", "Connect returned no error, but the server is down")
		s.disconnect(c)
	}
	s.up()
	if returned && err != nil {
		s.cycle(c)
	}
	s.rest(w, "a refused Connect, and a whole cycle after it")
}

// breakOff connects, breaks the connection, lets look look at it, disconnects, and brings the server up again. broken
// is what Broken gave for the connection, or nil. It tells whether the calls that it made itself went well.
func (s *scene) breakOff(c sputnik.ServerConnector, look func(broken <-chan error)) bool {
	if !s.connect(c) {
		return false
	}
	broken := s.broken(c)
	s.down()
	defer s.up()
	look(broken)
	return s.disconnect(c)
}

// checkBreak asks by heartbeats, as sputnik does, and disconnects.
func checkBreak(s *scene) {
	if !s.outage() {
		return
	}
	c := s.connector()
	w := newWatch()
	s.breakOff(c, func(<-chan error) {
		began := time.Now()
		for alive, returned := s.alive(c); alive && returned; alive, returned = s.alive(c) {
			if time.Since(began) > s.limit {
				s.fault(failure, "break not seen", "IsConnected is still true %v after the connection broke", s.limit)
				return
			}
			s.settle(nil)
		}
	})
	s.rest(w, "Disconnect of a broken connection")
}

func checkPush(s *scene) {
	if !s.outage() {
		return
	}
	c := s.connector()
	s.breakOff(c, func(broken <-chan error) {
		if broken == nil {
			s.skip = "it has no Broken, or that gave a nil channel"
			return
		}
		timer := time.NewTimer(s.limit)
		defer timer.Stop()
		select {
		case <-broken: //nolint:errcheck // a value or the close, whatever
		case <-timer.C:
			s.fault(failure, "break not pushed", "Broken was silent for %v after the connection broke", s.limit)
		}
	})
}

func checkReconnect(s *scene) {
	if !s.outage() {
		return
	}
	c := s.connector()
	w := newWatch()
	for range 2 {
		if !s.breakOff(c, func(broken <-chan error) { s.settle(broken) }) || !s.cycle(c) {
			break
		}
	}
	s.rest(w, "two breaks and reconnects")
}
