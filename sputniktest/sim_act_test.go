package sputniktest_test

import (
	"os"
	"time"

	"github.com/sputnik-go/sputnik"
)

// How a callback ended.
const (
	returns = "returns"
	fails   = "fails"
	panics  = "panics"
	exits   = "exits"
)

// stage is where an actor does the items of the plan.
type stage struct {
	w    *world
	a    *actor
	slot int
	how  string // how it is going to end
	over bool   // it is to return at once
	stop <-chan struct{}
	mute bool // it can't return an error
	serv bool // it is on the goroutine that calls OnMsg
}

// act does the items that are due. Then it sleeps, so that what comes next isn't at the instant of the last one.
func (s *stage) act(c call, n int) error {
	due := s.w.plan.at(s.slot, c, n)
	for _, it := range due {
		if err := s.do(it, c); err != nil || s.over {
			return err
		}
	}
	if len(due) > 0 {
		s.wait(0)
	}
	return nil
}

func (s *stage) do(it item, c call) error {
	w := s.w
	if it.do == doHang {
		s.a.say("hangs")
		select {
		case <-w.release:
		case <-s.stop:
			s.a.sleep(0)
		}
		s.over = true
		return nil
	}
	if it.do == doSleep {
		s.a.say("takes %v", it.after)
	}
	s.wait(it.after)
	if (c == callConnect || c == callDisconnect) && (it.do == doPanic || it.do == doGoexit) && !s.outwait(c) {
		s.a.say("thinks better of it: there is other news to come")
		return nil
	}
	switch it.do {
	case doHang, doSleep: // done
	case doPanic:
		s.how = panics
		exit(it.do, s.a.name)
	case doGoexit:
		s.how = exits
		exit(it.do, s.a.name)
	case doError:
		if c == callInit || (c == callRun || c == callFlush) && !s.mute || c >= callServerConnect {
			return errPlanned
		}
	case doReturn:
		s.over = true
	case doSend:
		s.send(it)
	case doFinishMsg:
		s.finishMsg(it)
	case doShootDown:
		s.shootDown()
	case doCancel:
		s.a.say("ends the context")
		w.o.stop(causeContext, -1, c)
		w.cancel()
	case doSignal:
		for i := range 1 + it.count {
			if i > 0 {
				s.wait(it.gap)
			}
			s.a.say("signals")
			w.o.signal()
			w.signals <- os.Interrupt
		}
	case doStatus:
		s.status(it)
	case doLaunch:
		s.launch(c)
	case doRequest:
		s.request(it)
	case doBroadcast:
		s.broadcast(it)
	case doAdd:
		s.add(it)
	case doRemove:
		s.remove(it)
	case doBreak:
		s.a.say("breaks the connection: %v", w.server.push())
	}
	return nil
}

// outwait sleeps until no round of news is going on, and tells whether this block knows the newest. A callback that fails
// lets the news go on and the process stop, at the same instant, and nobody can tell which is quicker.
func (s *stage) outwait(c call) bool {
	for {
		since := s.w.now() - s.w.server.changed()
		if since >= 3*newsPatience {
			epoch, _ := s.w.server.standing()
			return c == callConnect && epoch == s.w.o.linked(s.slot) || c == callDisconnect && epoch == 0
		}
		s.wait(3*newsPatience - since)
	}
}

// wait sleeps, or less where the caller wants no result any more.
func (s *stage) wait(d time.Duration) {
	if s.stop == nil {
		s.a.sleep(d)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stop:
		s.over = true
	}
	s.a.sleep(0)
}

func (s *stage) send(it item) {
	for i := range it.count {
		if i > 0 && it.gap > 0 {
			s.wait(it.gap)
		}
		to, ok := s.w.peer(it.slot, it.to)
		if !ok {
			s.a.say("finds no %s", resp(it.to))
			return
		}
		msg, m := s.w.o.mail(s.a, it.to)
		waited := s.w.o.waits(s, it.to, nil)
		ok = to.Send(msg)
		waited()
		s.w.o.sent(m, ok)
		s.a.say("sends %d to %s: %v", m.seq, resp(it.to), ok)
	}
}

func (s *stage) finishMsg(it item) {
	bc, ok := s.w.peer(it.slot, -1)
	if !ok {
		s.a.say("finds no initiator")
		return
	}
	ok = bc.Send(sputnik.FinishMsg())
	if ok {
		s.w.o.stop(causeFinishMsg, it.slot, 0)
	}
	s.a.say("sends FinishMsg: %v", ok)
}

func (s *stage) shootDown() {
	s.w.mu.Lock()
	shootDown := s.w.shootDown
	s.w.mu.Unlock()
	if shootDown == nil {
		s.a.say("can't shoot down before Prepare has returned")
		return
	}
	s.a.say("shoots down")
	s.w.o.stop(causeShootDown, -1, 0)
	shootDown()
	s.a.say("has shot down")
}

func (s *stage) launch(c call) {
	s.w.mu.Lock()
	launch := s.w.launch
	s.w.mu.Unlock()
	if launch == nil {
		s.a.say("can't launch before Prepare has returned")
		return
	}
	s.a.say("launches")
	s.w.o.launching()
	err := launch()
	s.w.o.launchReturned(err, c != callStep)
	s.a.say("launch: %s", describe(err))
}

func (s *stage) status(it item) {
	bc := s.w.bc(it.slot)
	if bc == nil {
		return
	}
	st, ok := sputnik.StatusOf(bc)
	s.w.o.statusSeen(st, ok)
	s.a.say("status %s, ready %v", st.State, st.Ready)
}
