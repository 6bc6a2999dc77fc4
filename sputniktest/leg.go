package sputniktest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

const (
	subject = "subject" // the responsibility of the block under test
	twin    = "twin"    // that of a second instance

	// kitInterval is that of heartbeats and backoff: short, as a kit may run in real time.
	kitInterval = 10 * time.Millisecond
)

// leg is one flight of a check. The subject flies between head and tail, so that head hears of a disconnect, and tail
// of a connect, after it.
type leg struct {
	head, tail []sputnik.BlockOption // what these two do beside listening
	twin       bool                  // a second instance flies, too
	refused    bool                  // the server never comes
	hurried    bool                  // head stops it, and at once
	prepared   func(p *process)      // is called before the launch
	stop       context.Context       // stops the process when it ends; nil: none
	unlaunched bool                  // ShootDown comes in place of the launch
	flown      func(f *flown)        // is called when all is connected; then comes the stop
}

// flown is a process in the air.
type flown struct {
	*process
	limit      time.Duration
	server     *Server
	head, tail *Recorder
}

// fly makes one flight and judges it.
func (s *scene) fly(l leg) {
	s.tb.Helper()
	w := newWatch()
	server := NewServer(s.tb).Serve(s.open)
	if l.refused {
		server.Down()
	}
	limit := 2 * (s.limit + time.Second) // half of it is the subject's
	if l.twin {
		limit *= 2
	}
	p := newProcess(
		sputnik.WithConfFactory(s.conf), sputnik.WithConnector(server, kitInterval), sputnik.WithBackoffCap(kitInterval),
		sputnik.WithFinishTimeout(limit),
	)
	if l.stop != nil {
		p.options = append(p.options, sputnik.WithContext(l.stop))
	}
	f := &flown{process: p, limit: s.limit + DefaultLimit, server: server, head: new(Recorder), tail: new(Recorder)}
	for _, m := range s.peers {
		p.add(m.resp, m.make)
	}
	p.add("head", listener(f.head, l.head))
	p.add(subject, s.block)
	if l.twin {
		p.add(twin, s.block)
	}
	p.add("tail", listener(f.tail, l.tail))

	err := p.prepare()
	if err == nil {
		if l.prepared != nil {
			l.prepared(p)
		}
		if l.unlaunched {
			p.shootDown()
		}
		p.start()
		if !l.refused && !l.unlaunched {
			f.connected(1)
		}
		if !l.hurried && !l.unlaunched {
			f.settle()
		}
		if l.flown != nil {
			l.flown(f)
		}
		if !l.hurried {
			p.shootDown()
		}
		err = p.wait()
	}
	if s.verdict(p, err) {
		s.leaks(w, "the flight")
	}
}

// listener makes a block that records the news of the connection and does what opts say.
func listener(r *Recorder, opts []sputnik.BlockOption) sputnik.BlockFactory {
	return func() *sputnik.Block {
		return sputnik.NewBlock(append([]sputnik.BlockOption{
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(untilDone),
			sputnik.WithOnConnect(func(sputnik.ServerConnection) { r.note(Call{Callback: "OnServerConnect"}) }),
			sputnik.WithOnDisconnect(func() { r.note(Call{Callback: "OnServerDisconnect"}) }),
		}, opts...)...)
	}
}

// settle lets the blocks fly for a while.
func (f *flown) settle() {
	while := 5 * kitInterval // in real time
	if currentBubble() != "" {
		while = time.Second
	}
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.landed:
	}
}

// connected waits until the n-th connect was told, or the process ends by itself.
func (f *flown) connected(n int) { f.tail.await(f.limit, f.landed, "OnServerConnect", n) }

// disconnected waits until the n-th disconnect was told, or the process ends by itself.
func (f *flown) disconnected(n int) { f.head.await(f.limit, f.landed, "OnServerDisconnect", n) }

// verdict notes what went wrong, and tells whether every goroutine should be gone.
func (s *scene) verdict(p *process, err error) (clean bool) {
	var all []error
	if flight, ok := err.(*sputnik.FlightError); ok { //nolint:errorlint // what launch itself returns
		all = flight.Unwrap()
	} else if err != nil {
		all = []error{err}
	}
	clean = true
	for _, err := range all {
		clean = s.sort(err) && clean
	}
	for _, e := range p.events.all() {
		switch e := e.(type) {
		case sputnik.BlockFailed: // one that a restart has cured isn't among the errors
			s.sort(e.Err)
		case sputnik.BlockInitialised:
			if e.Block.Responsibility == subject && e.Took > s.limit {
				s.fault(lateness, "slow Init", "Init took %v, its limit is %v", e.Took, s.limit)
			}
		case sputnik.BlockFinished:
			if e.Block.Responsibility == subject && e.Took > s.limit {
				s.fault(lateness, "slow finish", "the finish of the block took %v, its limit is %v", e.Took, s.limit)
			}
		}
	}
	return clean
}

// sort notes one error of a flight, if it is the fault of a block, and tells whether that left its goroutines alone.
func (s *scene) sort(err error) (clean bool) {
	switch e := err.(type) { //nolint:errorlint // a flight's errors are of these types themselves
	case *sputnik.SetupError:
		s.fault(failure, "set-up", "the set-up is refused: %v", e)
	case *sputnik.InitError:
		if hung, ok := errors.AsType[*sputnik.AbandonedError](e.Err); ok {
			return s.sort(hung)
		}
		if p, ok := errors.AsType[*sputnik.PanicError](e.Err); ok {
			s.fault(failure, "panic in "+e.Callback, "%v\n%s", err, p.Stack)
		} else if !isStop(e.Err) && !errors.Is(e.Err, errSabotage) {
			s.fault(failure, "error of "+e.Callback, "%v", err)
		}
	case *sputnik.BlockError:
		if p, ok := errors.AsType[*sputnik.PanicError](e.Err); ok {
			s.fault(failure, "panic in "+e.Callback, "%v\n%s", err, p.Stack)
		} else {
			s.fault(failure, "error of "+e.Callback, "%v", err)
		}
	case *sputnik.AbandonedError:
		s.fault(lateness, "abandoned in "+strings.Join(e.Callbacks, ", "), "%v; these are its goroutines:\n%s", err, e.Stacks)
		return false
	case *sputnik.UnhandledError:
		s.fault(loss, "messages left", "%v", err)
	}
	return true
}

func isStop(err error) bool {
	if errors.Is(err, sputnik.ErrShootDown) {
		return true
	}
	_, signal := errors.AsType[*sputnik.SignalError](err)
	_, ended := errors.AsType[*sputnik.ContextError](err)
	_, request := errors.AsType[*sputnik.FinishRequestError](err)
	return signal || ended || request
}

var errSabotage = errors.New("sputniktest: this Init fails on purpose")
