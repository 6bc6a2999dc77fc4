package sputniktest

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// The phases of the first scene.
const (
	inFactory      = "factory"
	inFlight       = "flight"
	inSecondFlight = "second flight"
)

// firstScene is played once for all basic checks, in one bubble: a block that keeps its state outside of what the factory
// makes would, in a second bubble, end the program.
func firstScene(s *scene) {
	s.phase = inFactory
	callFactory(s)
	for _, s.phase = range []string{inFlight, inSecondFlight} {
		if !s.only(leak) {
			return
		}
		s.fly(leg{})
	}
}

// only tells whether nothing else was found so far.
func (s *scene) only(kind faultKind) bool {
	return !slices.ContainsFunc(s.faults, func(f fault) bool { return f.kind != kind || f.phase == inFactory })
}

func callFactory(s *scene) {
	if s.block == nil {
		s.fault(failure, "nil factory", "the factory is nil")
		return
	}
	w := newWatch()
	defer func() {
		if v := recover(); v != nil {
			s.fault(failure, "panic in the factory", "the factory panicked: %v\n%s", v, debug.Stack())
		}
		s.leaks(w, "two calls of the factory")
	}()
	one, two := s.block(), s.block()
	switch {
	case one == nil || two == nil:
		s.fault(failure, "nil block", "the factory returned a nil block")
	case one == two:
		s.fault(failure, "same block", "two calls of the factory returned the same block")
	}
}

func checkTwoInstances(s *scene) { s.fly(leg{twin: true}) }

// checkFinishWithoutRun lets the Init of tail fail.
func checkFinishWithoutRun(s *scene) {
	s.fly(leg{tail: []sputnik.BlockOption{
		sputnik.WithInit(func(sputnik.ConfFactory) error { return errSabotage }),
	}})
}

func checkStopBeforeLaunch(s *scene) { s.fly(leg{unlaunched: true}) }

// checkStopDuringInit lets the stop come a moment after the subject's Init began: it meets that Init, if it takes its
// time, and else the next one, which waits for it.
func checkStopDuringInit(s *scene) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s.fly(leg{
		stop: ctx,
		head: []sputnik.BlockOption{sputnik.WithInit(func(sputnik.ConfFactory) error {
			time.AfterFunc(time.Millisecond, stop)
			return nil
		})},
		tail: []sputnik.BlockOption{sputnik.WithInit(func(sputnik.ConfFactory) error {
			<-ctx.Done()
			<-time.After(5 * kitInterval) // until the stop is known everywhere
			return nil
		})},
	})
}

func checkNoServer(s *scene) {
	s.fly(leg{refused: true, flown: func(f *flown) {
		// After a second attempt it is clear to everybody that there is no server.
		f.events.await(f.limit, f.landed, func(e sputnik.Event) (bool, error) { //nolint:errcheck // in either case go on
			failed, ok := e.(sputnik.ConnectFailed)
			return ok && failed.Attempt >= 2, nil
		})
	}})
}

// hurriedFlights is how often the race between Run and Finish is run.
const hurriedFlights = 20

// checkStopAfterLaunch lets the Run of head, which is started just before the subject's, ask for the finish.
func checkStopAfterLaunch(s *scene) {
	for range hurriedFlights {
		s.fly(leg{refused: true, hurried: true, head: []sputnik.BlockOption{
			sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
				if initiator, ok := bc.Communicator(sputnik.InitiatorResponsibility); ok {
					initiator.Send(sputnik.FinishMsg())
				}
				return nil
			}),
		}})
		if len(s.faults) > 0 {
			return
		}
	}
}

func checkSecondSignal(s *scene) {
	s.fly(leg{flown: func(f *flown) {
		f.shootDown()
		f.shootDown()
		f.secondSignal()
		<-f.landed
		f.shootDown()
	}})
}

// flaps is how often the server breaks the connection in a storm.
const flaps = 20

func checkStorm(s *scene) {
	for _, endsUp := range []bool{true, false} {
		s.fly(leg{flown: func(f *flown) {
			for n := 1; n <= flaps; n++ {
				if n == flaps && !endsUp {
					f.server.Down()
					f.disconnected(n)
					return
				}
				f.server.Break()
				f.disconnected(n)
				f.connected(n + 1)
			}
		}})
	}
}
