package sputniktest_test

import (
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// The order of callbacks: G1 to G5. All methods are called with the lock held.

// listed returns the books of the blocks that Prepare makes, in order.
func (o *oracle) listed() (all []*book) {
	for _, b := range o.books {
		if !b.bp.absent && !b.bp.spare {
			all = append(all, b)
		}
	}
	return all
}

func (o *oracle) beginInit(b *book) {
	if o.launchedAt >= 0 { // to be added, or another instance
		if b.initialised || o.flown {
			o.offend("restart", "Init of %s is out of place", b.name)
		}
		return
	}
	if o.initFailed {
		o.offend("G2", "Init of %s begins after another Init has failed", b.name)
	}
	before := true
	for _, x := range o.listed() {
		switch {
		case x == b:
			before = false
		case before && !x.initialised:
			o.offend("G1", "Init of %s begins before that of %s has succeeded", b.name, x.name)
		case !before && x.n[callInit] > 0:
			o.offend("G1", "Init of %s begins after that of %s", b.name, x.name)
		}
		if doing := x.active(); doing != "" {
			o.offend("G1", "Init of %s begins during %s of %s", b.name, doing, x.name)
		}
	}
	if b.n[callInit] > 0 {
		o.offend("G1", "Init of %s is called twice", b.name)
	}
}

func (o *oracle) beginAttach(b *book) {
	if o.launchedAt >= 0 {
		if !b.initialised || b.attached {
			o.offend("restart", "Attach of %s is out of place", b.name)
		}
		return
	}
	if o.initFailed {
		o.offend("G2", "Attach of %s begins after an Init or Attach has failed", b.name)
	}
	before := true
	for _, x := range o.listed() {
		before = before && x != b
		if !x.initialised || before && x.bp.attach && !x.attached {
			o.offend("G1", "Attach of %s begins before %s is ready for it", b.name, x.name)
		}
	}
}

func (o *oracle) beginRun(b *book) {
	before := o.listed()
	if b.instances > 1 || b.bp.spare {
		before = []*book{b}
	}
	for _, x := range before {
		if !x.initialised || x.bp.attach && !x.attached {
			o.offend("G3", "Run of %s begins before %s is initialised and attached", b.name, x.name)
		}
	}
	switch {
	case o.launchedAt < 0:
		o.offend("G3", "Run of %s begins before the launch", b.name)
	case b.running:
		o.offend("G3", "Run of %s is called twice", b.name)
	case o.flown:
		o.offend("G10", "Run of %s begins after the end", b.name)
	}
	b.running = true
}

func (o *oracle) beginFinish(b *book) {
	switch {
	case b.finishing:
		o.offend("G5", "Finish of %s is called twice", b.name)
	case !b.initialised:
		o.offend("G2", "Finish of %s is called, whose Init has not succeeded", b.name)
	case o.flown:
		o.offend("G10", "Finish of %s begins after the end", b.name)
	}
	b.finishing = true
	if o.w.plan.changes() {
		return // which finish it is, the events tell
	}
	before := true
	for _, x := range o.listed() {
		before = before && x != b
		if before && x.finishing {
			o.offend("G4", "Finish of %s begins after that of %s", b.name, x.name)
		}
		if !before && x != b && x.initialised && x.bp.kind != runContext && !x.finishing && !x.hung(o.w.plan.initTimeout, len(o.signals) > 1) {
			o.offend("G4", "Finish of %s begins before that of %s", b.name, x.name)
		}
	}
}

// hung tells whether Init or Attach has overrun its limit, so that the block is abandoned and gets no Finish. After
// a stop the limit is shorter, and none is left after a second signal.
func (b *book) hung(limit time.Duration, forced bool) bool {
	return slices.ContainsFunc(b.past, func(s span) bool {
		return s.call <= callAttach && (s.end < 0 || s.end-s.begin >= limit || forced)
	})
}

// beginOther checks OnMsg and the connection callbacks.
func (o *oracle) beginOther(b *book, c call) {
	linkBusy := b.busy[callConnect]+b.busy[callDisconnect] > 0
	switch {
	case o.launchedAt < 0:
		o.offend("G12", "%v of %s begins before the launch", c, b.name)
	case b.finishing:
		o.offend("G5", "%v of %s begins after its Finish began", c, b.name)
	case b.bp.kind == runContext && b.ran && b.ctxEnded:
		o.offend("G5", "%v of %s, which has no Finish, begins after its Run returned", c, b.name)
	case o.flown:
		o.offend("G10", "%v of %s begins after the end", c, b.name)
	case c == callMsg && b.busy[callMsg] > 0:
		o.offend("G12", "two OnMsg of %s at a time", b.name)
	case c != callMsg && linkBusy:
		o.offend("G16", "two connection callbacks of %s at a time", b.name)
	case b.bp.serial && (linkBusy || b.busy[callMsg] > 0):
		o.offend("serial", "%v of %s overlaps another of its serial callbacks", c, b.name)
	}
}

// times are what the events say about the finish of each block.
type times struct {
	finishing, settled map[string]time.Duration
	abandoned          map[string]bool
	order              []string // of BlockFinishing
	initialised        map[string]bool
	begun, over        time.Duration // of the process's finish; -1: not yet
	hurried            time.Duration // -1: not
	forced             bool
	lost               map[string]uint64
	left               map[string]uint64
	leftAt             []sputnik.MessagesLost
	leaves             map[string][]interval              // the finish of those that weren't finished with the process
	gone               map[string][]sputnik.MailboxStatus // of blocks that were removed, or not added after all
	list               []string                           // of the blocks there are
	restarting         map[string][]time.Duration
	running            map[string]int
}

type interval struct{ from, to time.Duration }

// left tells whether a callback failed as part of the finish of a block that was removed, or later.
func (t *times) leftBy(name string, s span) bool {
	return slices.ContainsFunc(t.leaves[name], func(i interval) bool { return s.begin <= i.to && s.end >= i.from })
}

// read goes through the events and checks their order.
func (o *oracle) read() *times {
	t := &times{
		finishing: map[string]time.Duration{}, settled: map[string]time.Duration{}, abandoned: map[string]bool{},
		initialised: map[string]bool{}, lost: map[string]uint64{}, left: map[string]uint64{},
		leaves: map[string][]interval{}, gone: map[string][]sputnik.MailboxStatus{}, restarting: map[string][]time.Duration{}, running: map[string]int{}, begun: -1, over: -1, hurried: -1,
	}
	for _, b := range o.listed() {
		t.list = append(t.list, b.name)
	}
	open, ready := "", false
	down := map[string]bool{} // abandoned, and not there again
	leaving := false          // the one that finishes isn't part of the process's finish
	for i, e := range o.events {
		at := e.When().Sub(o.w.start)
		switch e := e.(type) {
		case sputnik.BlockInitialised:
			t.initialised[e.Block.Responsibility] = true
			down[e.Block.Responsibility] = false
		case sputnik.BlockRunning:
			name := e.Block.Responsibility
			if t.running[name]++; !slices.Contains(t.list, name) && name != "finisher" && name != "connector" {
				t.list = append(t.list, name)
			}
		case sputnik.BlockRestarting:
			t.restarting[e.Block.Responsibility] = append(t.restarting[e.Block.Responsibility], at)
		case sputnik.CallbackStalled:
			o.checkStalled(e, at)
		case sputnik.WaitCycle:
			o.checkCycle(e, at)
		case sputnik.ReadyChanged:
			if ready = e.Ready; ready && len(o.stops) > 0 && o.stops[0].at < at {
				o.offend("G19", "ready after the stop")
			}
		case sputnik.ProcessFinishing:
			if t.begun = at; ready {
				o.offend("G19", "the finish begins while ready")
			}
		case sputnik.ProcessHurried:
			t.hurried, t.forced = at, e.Forced
		case sputnik.BlockFinishing:
			name := e.Block.Responsibility
			if open != "" {
				o.offend("G4", "the finish of %s begins during that of %s", name, open)
			}
			t.finishing[name] = at
			if t.order = append(t.order, name); !down[name] {
				open = name
			}
			if leaving = e.Cause != nil; leaving {
				t.leaves[name] = append(t.leaves[name], interval{at, at})
				t.order = t.order[:len(t.order)-1]
				t.list = slices.DeleteFunc(t.list, func(n string) bool { return n == name })
			}
		case sputnik.BlockFinished:
			name := e.Block.Responsibility
			if t.settled[name] = at; open != name {
				o.offend("G4", "%s finished while %q finishes", e.Block, open)
			}
			if open = ""; leaving {
				t.leaves[name][len(t.leaves[name])-1].to = at
				t.gone[name] = append(t.gone[name], e.Mailbox)
			}
		case sputnik.BlockAbandoned:
			name := e.Block.Responsibility
			t.abandoned[name], down[name] = true, true
			if open == name {
				if open = ""; leaving {
					t.leaves[name][len(t.leaves[name])-1].to = at
				}
			}
			if _, already := t.settled[name]; !already || t.settled[name] < t.finishing[name] {
				t.settled[name] = at
			}
			o.checkAbandoned(name, at)
		case sputnik.MessagesLost:
			if e.Reason == "dropped from a full mailbox" {
				t.lost[e.Block.Responsibility] += e.Count
			} else {
				t.left[e.Block.Responsibility] += e.Count
				t.leftAt = append(t.leftAt, e)
			}
		case sputnik.ProcessFinished:
			if t.over = at; i < len(o.events)-2 || i == len(o.events)-2 && !isBlackBox(o.events[i+1]) {
				o.offend("events", "%T after ProcessFinished", o.events[i+1])
			}
		}
	}
	return t
}

// runEnd tells when the last Run returned.
func (b *book) runEnd() (at time.Duration) {
	for _, s := range b.past {
		if s.call == callRun {
			at = s.end
		}
	}
	return at
}

// checkOrder judges the finish as a whole (G2, G4, G5, G7, G10).
func (o *oracle) checkOrder(t *times) {
	want := slices.Clone(t.list)
	slices.Reverse(want)
	want = append(want, sputnik.DefaultConnectorResponsibility, sputnik.DefaultFinisherResponsibility)
	i := 0
	for _, name := range want {
		initAbandoned := t.abandoned[name] && o.launchedAt < 0 && (t.begun < 0 || t.settled[name] <= t.begun)
		if !t.initialised[name] || initAbandoned {
			continue
		}
		if i >= len(t.order) || t.order[i] != name {
			o.offend("G4", "finished in the order %v, %s is out of place", t.order, name)
			return
		}
		i++
	}
	if i != len(t.order) {
		o.offend("G4", "finished in the order %v, some of them without need", t.order)
	}
	for _, b := range o.books {
		settled, done := t.settled[b.name]
		for _, s := range b.past {
			late := s.end < 0 || t.over >= 0 && s.end > t.over || done && s.end > settled && !o.w.plan.comesOrGoes(b.slot)
			switch {
			case done && s.begin > settled && !t.abandoned[b.name] && !o.w.plan.comesOrGoes(b.slot):
				o.offend("G5", "%v of %s begins after the block has finished", s.call, b.name)
			case late && !t.abandoned[b.name]:
				o.offend("G10", "%v of %s goes on although the block was not abandoned", s.call, b.name)
			case done && !o.w.plan.changes() && b.bp.kind == runContext && s.call > callRun && b.ctxEnded && b.ctxEndedAt > t.finishing[b.name] && s.begin > b.runEnd():
				o.offend("G5", "%v of %s, which has no Finish, begins after its Run returned", s.call, b.name)
			case s.call == callFinish && s.begin < t.finishing[b.name] && !o.w.plan.changes():
				o.offend("G5", "Finish of %s before its turn", b.name)
			}
		}
		if _, begun := t.finishing[b.name]; begun && b.bp.kind != runContext && b.n[callFinish] == 0 && b.n[callInit] > 0 {
			o.offend("G2", "%s was initialised, but never gets its Finish", b.name)
		}
	}
}

func isBlackBox(e sputnik.Event) bool {
	_, ok := e.(sputnik.BlackBox)
	return ok
}
