package sputniktest_test

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Why it stopped, and what launch and Prepare make of it: G6 to G9.

type causeKind int

const (
	causeSignal causeKind = iota
	causeShootDown
	causeFinishMsg
	causeContext
	causeFailure
	causeInit
	causeRestart // too many
)

func (k causeKind) String() string {
	return [...]string{"signal", "ShootDown", "FinishMsg", "end of the context", "failure", "failed Init", "too many restarts"}[k]
}

// stopCause is one reason to stop. The first one wins.
type stopCause struct {
	at   time.Duration
	kind causeKind
	slot int
	call call
}

func (o *oracle) stop(kind causeKind, slot int, c call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addStop(kind, slot, c)
}

func (o *oracle) addStop(kind causeKind, slot int, c call) {
	o.stops = append(o.stops, stopCause{o.w.now(), kind, slot, c})
}

func (o *oracle) signal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.signals = append(o.signals, o.w.now())
	o.addStop(causeSignal, -1, 0)
}

func (o *oracle) preparing() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.preparedAt = o.w.now()
}

func (o *oracle) prepared(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.flown, o.verdict, o.endedAt = true, err, o.w.now()
	} else if o.initFailed {
		o.offend("G2", "Prepare succeeds although an Init or Attach has failed")
	}
}

func (o *oracle) launching() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.launchedAt < 0 {
		o.launchedAt = o.w.now()
	}
}

func (o *oracle) launchReturned(err error, inside bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if inside && errors.Is(err, sputnik.ErrLaunched) {
		return
	}
	if o.results = append(o.results, err); !o.flown {
		o.flown, o.verdict, o.endedAt = true, err, o.w.now()
	}
}

func (o *oracle) statusSeen(s sputnik.Status, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !ok:
		o.offend("status", "a communicator finds no status")
	case s.Ready && (s.State != sputnik.StateRunning || s.Cause != nil || s.Reason != ""):
		o.offend("G19", "ready in %+v", s)
	case !s.Ready && s.Reason == "":
		o.offend("G19", "not ready, but no reason for it: %+v", s)
	}
	for _, b := range s.Blocks {
		if m := b.Mailbox; m.Accepted < m.Handled+m.Dead {
			o.offend("G13", "%s: more handled and dead than accepted: %+v", b.Block, m)
		}
	}
}

// final judges the flight as a whole.
func (o *oracle) final(s sputnik.Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status = &s
	if !o.flown {
		o.offend("G7", "neither a failed Prepare nor launch has returned")
		return
	}
	o.sortStops()
	t := o.read()
	o.addFailureStops(t)
	switch {
	case t.begun < 0 || t.over < 0 || s.State != sputnik.StateFinished || s.Live || s.Ready:
		o.offend("G10", "the flight is over, but not finished: %+v", s)
		return
	case o.endedAt-t.begun > o.w.plan.finishTimeout+2*time.Second+slack:
		o.offend("G7", "the finish took %v of %v", o.endedAt-t.begun, o.w.plan.finishTimeout)
	}
	o.checkOrder(t)
	o.checkMail(t)
	o.checkRemoved(t)
	o.checkAsks(t)
	if o.checkCause(t); len(o.stops) > 0 {
		o.checkVerdict(t)
		o.checkUnnoticed(t)
		o.checkUnseenCycles()
		o.checkRestarts(t)
		o.checkLink(t)
	}
}

// slack is for the milliseconds that blocks get even when all is used up.
const slack = 20 * time.Millisecond

// sortStops brings the reasons into the order in which they count: those from before Prepare are
// seen by Prepare, the context first, then the signal.
func (o *oracle) sortStops() {
	for _, b := range o.books {
		for _, s := range b.past {
			if limit := o.w.plan.initTimeout; s.instance == 1 && !b.bp.spare && (s.call == callInit || s.call == callAttach) && (s.end < 0 || s.end-s.begin > limit) {
				o.stops = append(o.stops, stopCause{s.begin + limit, causeInit, b.slot, s.call})
			}
		}
	}
	for i := range o.stops {
		if s := &o.stops[i]; s.at <= o.preparedAt {
			if s.at = o.preparedAt; s.kind == causeContext {
				s.at--
			}
		}
	}
	slices.SortStableFunc(o.stops, func(a, b stopCause) int { return cmp.Compare(a.at, b.at) })
}

func (o *oracle) checkCause(t *times) {
	if len(o.stops) == 0 {
		o.offend("G6", "stopped without a reason: %v", o.status.Cause)
		return
	}
	first, cause := o.stops[0], o.status.Cause
	ok := false
	switch first.kind {
	case causeSignal:
		_, ok = errors.AsType[*sputnik.SignalError](cause)
	case causeShootDown:
		ok = errors.Is(cause, sputnik.ErrShootDown)
	case causeFinishMsg:
		e, is := errors.AsType[*sputnik.FinishRequestError](cause)
		ok = is && e.By.Responsibility == resp(first.slot)
	case causeContext:
		_, ok = errors.AsType[*sputnik.ContextError](cause)
	case causeFailure:
		e, is := errors.AsType[*sputnik.BlockError](cause)
		ok = is && e.Block.Responsibility == resp(first.slot) && e.Callback == first.call.String()
	case causeRestart:
		e, is := errors.AsType[*sputnik.RestartError](cause)
		ok = is && e.Block.Responsibility == resp(first.slot) && e.Count == o.books[first.slot].bp.restart.Max && blames(e.Err, first.call)
	case causeInit:
		e, is := errors.AsType[*sputnik.InitError](cause)
		ok = is && e.Block.Responsibility == resp(first.slot) && e.Callback == first.call.String()
	}
	if !ok {
		o.offend("G6", "the first reason to stop is a %v at %v by %s %v, but the cause is: %v", first.kind, first.at, resp(first.slot), first.call, cause)
	}
	if fe, is := errors.AsType[*sputnik.FlightError](o.verdict); is && first.kind != causeInit {
		if _, early := fe.Cause.(*sputnik.InitError); !early && !errors.Is(fe.Cause, cause) { //nolint:errorlint // of this flight
			o.offend("G8", "the error says %v, the status %v", fe.Cause, cause)
		}
	}
	if o.launchedAt >= 0 && first.kind != causeInit && t.begun > max(first.at, o.launchedAt) {
		o.offend("G6", "stopped at %v, but the finish begins at %v", first.at, t.begun)
	}
}

// checkVerdict compares the error with all that went wrong.
func (o *oracle) checkVerdict(t *times) {
	for _, r := range o.results {
		if r != o.verdict { //nolint:errorlint // the very same
			o.offend("G6", "one launch returns %v, another %v", o.verdict, r)
		}
	}
	var wrong []string
	for _, b := range o.books {
		for _, s := range b.past {
			if s.end >= 0 && s.end <= t.over && (s.how != returns || b.wasReplaced(s, o.stops[0].at)) && !o.cured(b, s, t) {
				wrong = append(wrong, b.name+" "+s.call.String()+" "+s.how)
				if s.call > callAttach && s.how != returns && !o.w.plan.changes() && b.failures(s.end) <= namedFailures && !t.abandoned[b.name] && !o.named(b.name, s.call.String()) {
					o.offend("G8", "%v of %s %s, but is not in the error: %s", s.call, b.name, s.how, describe(o.verdict))
				}
			}
		}
		if t.left[b.name] > 0 && len(t.gone[b.name]) == 0 {
			wrong = append(wrong, b.name+" left messages")
		}
	}
	for name := range t.abandoned {
		wrong = append(wrong, name+" abandoned")
		if !o.namedAbandoned(name) {
			o.offend("G7", "%s was abandoned, but is not in the error: %s", name, describe(o.verdict))
		}
	}
	if o.checkForced(t) {
		wrong = append(wrong, "cut short")
	}
	if o.launchedAt < 0 && o.verdict != nil {
		wrong = append(wrong, "Prepare failed")
	}
	if o.observer.faulty {
		wrong = append(wrong, "observer")
	}
	slow := slices.ContainsFunc(o.w.plan.items, func(it item) bool { return it.call == callObserve })
	if (len(wrong) > 0) != (o.verdict != nil) && !slow {
		o.offend("G8", "went wrong: %v, but the error is: %s", wrong, describe(o.verdict))
	}
}

// checkForced tells whether the finish had to be cut short.
func (o *oracle) checkForced(t *times) bool {
	forced, first := time.Duration(-1), time.Duration(-1)
	for _, at := range o.signals {
		if at = max(at, o.preparedAt); first < 0 {
			first = at
		} else if at-first >= 250*time.Millisecond && at <= t.finishing[sputnik.DefaultFinisherResponsibility] && forced < 0 {
			forced = at
		}
	}
	switch is := errors.Is(o.verdict, sputnik.ErrForced); {
	case forced < 0 && is:
		o.offend("G9", "forced without a second signal")
	case forced >= 0 && !is && (t.hurried < 0 || t.hurried >= forced):
		o.offend("G9", "a second signal at %v, but the error is: %s", forced, describe(o.verdict))
	case is && o.endedAt-max(t.begun, forced) > 2*time.Second+slack:
		o.offend("G9", "forced at %v, but the end came at %v", forced, o.endedAt)
	}
	return t.hurried >= 0
}

// namedFailures is how many failures of one block an error names at least.
const namedFailures = 8

// named tells whether the error has the failure of a callback.
func (o *oracle) named(block, callback string) bool {
	fe, ok := errors.AsType[*sputnik.FlightError](o.verdict)
	if !ok {
		return false
	}
	return slices.ContainsFunc(append([]error{fe.Cause}, fe.Faults...), func(err error) bool {
		be, ok := err.(*sputnik.BlockError) //nolint:errorlint // this very one
		return ok && be.Block.Responsibility == block && be.Callback == callback
	})
}

func (o *oracle) namedAbandoned(block string) bool {
	found := false
	for _, f := range append(faults(o.verdict), o.verdict) {
		if ae, ok := errors.AsType[*sputnik.AbandonedError](f); ok && ae.Block.Responsibility == block {
			found = true
		}
	}
	return found
}

// checkAbandoned wants a callback in progress behind each abandoned block.
func (o *oracle) checkAbandoned(name string, at time.Duration) {
	if name == sputnik.DefaultConnectorResponsibility {
		return
	}
	for _, b := range o.books {
		if b.name != name {
			continue
		}
		if !slices.ContainsFunc(b.past, func(s span) bool { return s.begin <= at && (s.end < 0 || s.end >= at) }) {
			o.offend("G7", "%s is abandoned, but nothing of it was in progress", name)
		}
	}
}

// failures counts them, up to a moment.
func (b *book) failures(until time.Duration) (n int) {
	for _, s := range b.past {
		if s.end >= 0 && s.end <= until && s.how != returns {
			n++
		}
	}
	return n
}
