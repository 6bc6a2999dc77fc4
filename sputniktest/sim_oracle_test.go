package sputniktest_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// oracle watches a flight from outside: it sees every callback begin and end, every event and every outcome, and
// knows what the guarantees allow. It keeps the first offence. What only holds at the end of an
// instant, because goroutines have no order within it, is noted and judged at the end.
type oracle struct {
	w *world

	mu      sync.Mutex
	offence *offence
	books   []*book
	mails   []*mail
	asks    []*ask
	changes []*change
	waiting []*waiting
	events  []sputnik.Event
	stops   []stopCause
	signals []time.Duration

	preparedAt time.Duration // -1 before
	launchedAt time.Duration
	endedAt    time.Duration // when Prepare failed, or launch returned
	flown      bool          // the one or the other
	initFailed bool
	verdict    error
	results    []error // of all calls of launch that waited
	observer   struct {
		faulty bool
		busy   bool
	}
	lastOpen time.Duration // when the server was disconnected in the finish; -1 before
	status   *sputnik.Status
}

// offence is a guarantee that was broken.
type offence struct {
	invariant string
	text      string
	at        time.Duration
}

func (o *offence) String() string {
	return fmt.Sprintf("%s at %.6fs: %s", o.invariant, o.at.Seconds(), o.text)
}

// book is what is known of one block.
type book struct {
	slot      int
	bp        *blockPlan
	name      string
	n         [calls]int // how often each callback began
	past      []span
	*life          // of the newest instance
	instances int  // that the factory has made
	failed    bool // some callback has failed

	accepted, refused int
	refusals          []time.Duration
	last              map[string]int // the last message of each sender
}

// life is what is known of the instance.
type life struct {
	instance    int
	busy        [calls]int
	initialised bool
	attached    bool
	running     bool
	ran         bool
	ctxEnded    bool
	ctxEndedAt  time.Duration
	finishing   bool // Finish has begun
	epoch       int  // the newest connection it was told of
	linked      int  // the one it was told of last; 0: none
}

// span is one call of a callback.
type span struct {
	call       call
	instance   int
	begin, end time.Duration // end -1 while in progress
	how        string
	early      bool // Run was not told to return
}

func newOracle(w *world) *oracle {
	o := &oracle{w: w, preparedAt: -1, launchedAt: -1, endedAt: -1, lastOpen: -1}
	for slot := range w.plan.blocks {
		o.books = append(o.books, &book{
			slot: slot, bp: &w.plan.blocks[slot], name: resp(slot), last: make(map[string]int), life: new(life),
		})
	}
	return o
}

// offend notes the first offence. It is called with or without the lock held, hence its own.
func (o *oracle) offend(invariant, format string, args ...any) {
	t := o.w.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.offence == nil {
		o.offence = &offence{invariant, fmt.Sprintf(format, args...), o.w.sinceStart()}
	}
}

// sinceStart is now for those who may be outside of the bubble.
func (w *world) sinceStart() time.Duration {
	if w.start.IsZero() || time.Since(w.start) > 1000*time.Hour || time.Since(w.start) < 0 {
		return 0
	}
	return time.Since(w.start)
}

func (o *oracle) created(slot int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.books[slot].instances++
	return o.books[slot].instances
}

func (o *oracle) begin(sb *simBlock, c call, _ string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, now := o.books[sb.slot], o.w.now()
	if sb.instance > b.instance { // it begins with Init
		o.beginInstance(b)
		b.life = &sb.life
		b.instance = sb.instance
	} else if sb.instance < b.instance {
		o.offend("restart", "%v of instance %d of %s begins, but there is instance %d", c, sb.instance, b.name, b.instance)
	}
	switch c {
	case callInit:
		o.beginInit(b)
	case callAttach:
		o.beginAttach(b)
	case callRun:
		o.beginRun(b)
	case callFinish:
		o.beginFinish(b)
	case callMsg, callConnect, callDisconnect:
		o.beginOther(b, c)
	default:
	}
	b.past = append(b.past, span{call: c, instance: sb.instance, begin: now, end: -1})
	sb.life.busy[c]++
	b.n[c]++
	return b.n[c] - 1
}

func (o *oracle) end(sb *simBlock, c call, how string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, now := o.books[sb.slot], o.w.now()
	sb.life.busy[c]--
	early := how == returns && !sb.life.ctxEnded && !sb.life.finishing
	for i := len(b.past) - 1; i >= 0; i-- {
		if s := &b.past[i]; s.call == c && s.instance == sb.instance && s.end < 0 {
			s.end, s.how, s.early = now, how, c == callRun && early
			break
		}
	}
	switch c {
	case callInit:
		sb.life.initialised = how == returns
		o.endInit(b, c, how)
	case callAttach:
		sb.life.attached = how == returns
		o.endInit(b, c, how)
	case callMsg:
		fallthrough
	case callConnect, callDisconnect, callRun:
		if c == callRun {
			sb.life.ran = true
		}
		b.failed = b.failed || how != returns
	default:
	}
}

// stopping tells whether there is a reason to stop, or may be.
func (o *oracle) stopping() bool {
	return len(o.stops) > 0 || slices.ContainsFunc(o.books, func(b *book) bool { return b.failed })
}

// beginInstance is called before the first callback of an instance. The last one must have ended, unless the process
// goes on without it.
func (o *oracle) beginInstance(b *book) {
	doing := b.active()
	switch {
	case o.w.plan.comesOrGoes(b.slot):
	case doing != "":
		o.offend("restart", "another instance of %s begins during %s of the last one", b.name, doing)
	case b.initialised && b.bp.kind != runContext && !b.finishing:
		o.offend("restart", "another instance of %s begins, but the last one had no Finish", b.name)
	}
}

// endInit notes the failure of Init or Attach. Only before the launch does it concern all blocks.
func (o *oracle) endInit(b *book, c call, how string) {
	if how == returns || o.launchedAt >= 0 {
		return
	}
	o.initFailed = true
	o.addStop(causeInit, b.slot, c)
}

func (o *oracle) contextEnded(sb *simBlock, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.books[sb.slot]
	sb.life.ctxEnded, sb.life.ctxEndedAt = true, o.w.now()
	if r, ok := errors.AsType[*sputnik.RemoveRequestError](cause); ok && !o.removing(sb.slot, r.By.Responsibility) {
		o.offend("change", "the context of %s ends by %v, which nobody asked for", b.name, cause)
	}
}

// idle tells whether no callback is in progress.
func (o *oracle) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.observer.busy {
		return false
	}
	for _, b := range o.books {
		if b.active() != "" {
			return false
		}
	}
	o.w.server.mu.Lock()
	defer o.w.server.mu.Unlock()
	return o.w.server.calls == 0
}

// active names a callback in progress.
func (b *book) active() string {
	for _, s := range b.past {
		if s.end < 0 {
			return s.call.String()
		}
	}
	return ""
}

func (o *oracle) observing() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observer.busy = true
}

func (o *oracle) observed(how string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.observer.busy = false
	if how != returns {
		o.observer.faulty = true
	}
}

func (o *oracle) observe(e sputnik.Event) {
	at := e.When().Sub(o.w.start)
	switch e.(type) {
	case sputnik.MessagesLost, sputnik.BlackBox: // one stands for many, how many is not the plan's
	case sputnik.CallbackStalled, sputnik.CallbackReturned: // the watchdog may look at the instant of the begin, and see it or not
	default:
		o.w.trace.event(at, eventText(e))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.events); n > 0 && e.When().Before(o.events[n-1].When()) {
		o.offend("events", "%T comes after %T, but is older", e, o.events[n-1])
	}
	o.events = append(o.events, e)
}
