package sputniktest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sputnik-go/sputnik"
)

// The limit of each wait of a [Flight] ([Flight.Within]). In a bubble it is fake time, and costs none.
const (
	DefaultLimit       = 30 * time.Second
	DefaultBubbleLimit = 24 * time.Hour
)

// Flight is a process under test. It never touches the operating system's signals, so it works in a synctest bubble
// as well as outside; make it where it is to fly.
//
// Add, Within, NoLeakCheck, Prepare and Launch belong to the goroutine of the test, as do all methods that wait. Send,
// ShootDown, Status, Events and Signals may be used from any goroutine.
type Flight struct {
	// Signals is the process's source of signals.
	Signals *Signals

	tb      testing.TB
	p       *process
	limit   time.Duration
	watch   watch
	leaky   bool
	landing atomic.Bool // the test has seen the result
}

// New makes a process of the blocks that [Flight.Add] gives it. opts come after the harness's own, which are an empty
// configuration ([NoConf]), injected signals and an observer. Don't use WithAppBlocks and WithBlockFactories: they
// would replace what Add says.
//
// When the test ends, a process that still flies is shot down, an error that nobody has looked at fails the test, and
// so does a goroutine that is left. The last is goleak's business; in a bubble it is the bubble's, which panics.
func New(tb testing.TB, opts ...sputnik.SputnikOption) *Flight {
	tb.Helper()
	p := newProcess(opts...)
	f := &Flight{Signals: p.signals, tb: tb, p: p, limit: DefaultLimit, watch: newWatch()}
	if f.watch.bubble != "" {
		f.limit = DefaultBubbleLimit
	}
	tb.Cleanup(f.cleanup)
	return f
}

// Add appends a block, in the order of initialisation: sinks first. Its name is its responsibility.
func (f *Flight) Add(resp string, factory sputnik.BlockFactory) *Flight {
	f.p.add(resp, factory)
	return f
}

// Within sets the limit of each wait; see [DefaultLimit].
func (f *Flight) Within(limit time.Duration) *Flight {
	f.limit = limit
	return f
}

// NoLeakCheck leaves out the search for goroutines at the end. A test with t.Parallel needs it outside of a bubble: it
// would see those of others.
func (f *Flight) NoLeakCheck() *Flight {
	f.leaky = true
	return f
}

// Prepare creates and initialises the blocks and returns the error of that, for tests of what fails there. Launch
// does it by itself.
func (f *Flight) Prepare() error { return f.p.prepare() }

// Launch launches in the background, prepares before if Prepare was not called, and returns when every Run was started
// (or the process has ended already). A process that can't be prepared ends the test.
func (f *Flight) Launch() *Flight {
	f.tb.Helper()
	if f.p.sp == nil {
		if err := f.Prepare(); err != nil {
			f.tb.Fatalf("sputniktest: prepare: %v", err)
		}
	}
	f.p.start()
	f.await("the process to run", func(e sputnik.Event) (bool, error) {
		switch e.(type) {
		case sputnik.ProcessRunning, sputnik.ProcessFinished:
			return true, nil
		}
		return false, nil
	})
	return f
}

// Ready waits until the process is ready (G19): running, and connected if there is a connector.
func (f *Flight) Ready() *Flight {
	f.tb.Helper()
	Await(f, func(e sputnik.ReadyChanged) bool { return e.Ready })
	return f
}

// ShootDown asks for the finish, and doesn't wait for it.
func (f *Flight) ShootDown() {
	if f.p.shootDown != nil {
		f.p.shootDown()
	}
}

// Stop shoots the process down, waits, and returns what launch returned.
func (f *Flight) Stop() error {
	f.tb.Helper()
	f.ShootDown()
	return f.Wait()
}

// Kill sends a signal, and a second one 300 ms later if the process still flies then: the finish is forced (G9). It
// waits, and returns what launch returned.
func (f *Flight) Kill() error {
	f.tb.Helper()
	if f.p.landed == nil {
		f.tb.Fatalf("sputniktest: Kill before Launch")
	}
	f.p.secondSignal()
	return f.Wait()
}

// Wait waits for the end of the process and returns what launch returned. Whoever calls it has seen the result: the
// end of the test doesn't complain about it any more.
func (f *Flight) Wait() error {
	f.tb.Helper()
	f.landing.Store(true)
	if f.p.landed == nil {
		return nil
	}
	timer := time.NewTimer(f.limit)
	defer timer.Stop()
	select {
	case <-f.p.landed:
		return f.p.err
	case <-timer.C:
		f.tb.Fatalf("sputniktest: the process still flies after %v: %+v", f.limit, f.Status())
		return nil
	}
}

// Status returns a snapshot of the process. The last of its blocks is the harness's own.
func (f *Flight) Status() sputnik.Status {
	if f.p.sp == nil {
		return sputnik.Status{State: sputnik.StateNew}
	}
	return f.p.sp.Status()
}

// Block returns a snapshot of one block. It ends the test where there is none of this responsibility.
func (f *Flight) Block(resp string) sputnik.BlockStatus {
	f.tb.Helper()
	for _, b := range f.Status().Blocks {
		if b.Block.Responsibility == resp {
			return b
		}
	}
	f.tb.Fatalf("sputniktest: no block %q", resp)
	return sputnik.BlockStatus{}
}

func (f *Flight) await(what string, decide func(sputnik.Event) (bool, error)) sputnik.Event {
	f.tb.Helper()
	e, err := f.p.events.await(f.limit, nil, decide)
	if err != nil {
		if errors.Is(err, errLate) {
			err = fmt.Errorf("%w (%v)", err, f.limit)
		}
		f.tb.Fatalf("sputniktest: waited for %s: %v; the last events were%s", what, err, f.p.events.last(8))
	}
	return e
}

func (f *Flight) cleanup() {
	f.tb.Helper()
	f.ShootDown()
	if seen := f.landing.Load(); f.p.landed != nil {
		if err := f.Wait(); err != nil && !seen {
			f.tb.Errorf("sputniktest: nobody has looked at how the process ended: %v", err)
		}
		if _, abandoned := errors.AsType[*sputnik.AbandonedError](f.p.err); abandoned {
			return // its goroutines are in the error
		}
	}
	if f.watch.bubble != "" || f.leaky {
		return
	}
	if left := f.watch.leaked(); left != "" {
		f.tb.Errorf("sputniktest: the process has ended, but not all of its goroutines: %s", left)
	}
}
