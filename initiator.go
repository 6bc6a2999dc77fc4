package sputnik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik/internal/allowance"
	"github.com/sputnik-go/sputnik/internal/directory"
	"github.com/sputnik-go/sputnik/internal/stack"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// InitiatorResponsibility finds the initiator by [BlockCommunicator]'s Communicator; it takes [FinishMsg].
const InitiatorResponsibility = "initiator"

// interruptGrace is how long an Init may go on after a stop: it can't be told, and may be about to return.
const interruptGrace = 5 * time.Second

// initiator is one flight: it creates and initialises all blocks in order, launches them, takes the
// control messages, and finishes them in reverse.
type initiator struct {
	cfg       config
	id        string          // tells the goroutines of this flight from those of another
	base      context.Context // the host's values, not its end
	byResp    *directory.Directory[unit]
	connector *connector // nil without
	events    eventBus
	worker    worker.Worker // the goroutine of initialisation

	alive    context.Context // ends with the first stop, which is its cause
	die      context.CancelCauseFunc
	stopping <-chan struct{}      // alive's end
	time     *allowance.Allowance // of the finish
	hurried  <-chan struct{}      // closed when it is cut short
	flying   chan struct{}        // closed when every Run was started
	landed   chan struct{}        // closed when err is settled
	added    chan struct{}        // 1 slot: wakes the watchdog for a new block
	gate     chan struct{}        // holds one token, for who changes the list of blocks
	claimed  atomic.Bool          // by the one call that flies, or lands
	finishes worker.Waiter        // of the one that has the gate's token
	unwatch  func() bool          // ends the watch on the host's context
	profile  stack.Profile        // of all goroutines
	err      error                // what launch returns

	mu     sync.Mutex
	units  []*unit                   // in the order of initialisation; its elements never change
	left   []*unit                   // gone, but for goroutines that hang
	book   Status                    // but for what is found elsewhere
	number int                       // of the current connection, 0: none
	conn   ServerConnection          // the current one
	down   map[BlockDescriptor]error // blocks that are being restarted, and why
	ready  bool                      // as last told to observers
	told   bool                      // observers were told
}

// newInitiator checks the set-up and creates all blocks; the error lists every fault.
func newInitiator(cfg *config) (*initiator, error) {
	in := &initiator{
		cfg:    *cfg,
		base:   context.WithoutCancel(cfg.ctx),
		time:   allowance.New(cfg.finishTimeout, hurryGrace),
		flying: make(chan struct{}),
		landed: make(chan struct{}),
		added:  make(chan struct{}, 1),
		down:   make(map[BlockDescriptor]error),
		gate:   make(chan struct{}, 1),
		book:   Status{State: StatePreparing, Since: time.Now()},
	}
	in.alive, in.die = context.WithCancelCause(in.base)
	in.stopping, in.hurried, in.finishes.Cut = in.alive.Done(), in.time.IsCut(), in.time.IsCut()
	in.gate <- struct{}{}
	in.id = fmt.Sprintf("%p", in)
	all := cfg.descriptors()
	blocks, wrong := in.create(&in.worker, in.patience(in.base, nil), 1, all...)
	faults := slices.Concat(cfg.faults, wrong)
	if len(faults) > 0 {
		in.worker.GiveUp()
		return nil, &SetupError{Faults: faults}
	}
	in.byResp = directory.New[unit](len(all))
	for i, d := range all {
		u := newUnit(in, d, blocks[i], i+1)
		in.units = append(in.units, u)
		in.byResp.Fix(d.Responsibility, u)
	}
	return in, nil
}

// patience is what there is with a block that comes up: little after the end of halt, none after abort.
func (in *initiator) patience(halt context.Context, abort <-chan struct{}) worker.Patience {
	grace := min(interruptGrace, in.cfg.finishTimeout/4)
	return worker.Patience{Limit: in.cfg.initTimeout, Grace: grace, Interrupt: halt.Done(), Abort: abort}
}

// create makes blocks by their factories, or tells what is wrong with them. first is the position of the first one.
func (in *initiator) create(w *worker.Worker, p worker.Patience, first int, all ...BlockDescriptor) ([]*Block, []error) {
	blocks := make([]*Block, len(all))
	var faults []error
	fault := func(i int, errs ...error) {
		for _, err := range errs {
			faults = append(faults, fmt.Errorf("block %d (%s): %w", first+i, all[i], err))
		}
	}
	step := func(i int, done func(*Block, error)) {
		pprof.SetGoroutineLabels(context.Background())
		var b *Block
		guard(func() error {
			if factory, err := in.cfg.factory(all[i].Name); err == nil {
				b = factory()
			}
			return nil
		}, func(err error) { done(b, err) })
	}
	came := func(i int, b *Block, err error, _ time.Duration) bool {
		switch blocks[i] = b; {
		case err != nil:
			fault(i, fmt.Errorf("factory: %w", err))
		case b == nil:
			if _, unknown := in.cfg.factory(all[i].Name); unknown == nil { // else it is among the faults already
				fault(i, errors.New("the factory returned a nil block"))
			}
		default:
			fault(i, b.check(in.cfg.connected, first+i > in.cfg.own)...)
		}
		return true
	}
	for at := 0; at < len(all); at++ {
		hung, ran := worker.Each(w, at, len(all), p, step, came)
		if at = hung; at < len(all) {
			w.GiveUp()
			fault(at, fmt.Errorf("factory: %w (%v)", ErrTimeout, ran.Round(time.Millisecond)))
		}
	}
	return blocks, faults
}

// blocks lists all blocks there are now.
func (in *initiator) blocks() []*unit {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.units
}

// prepare initialises and attaches all blocks, or rolls back (G1, G2).
func (in *initiator) prepare() error {
	began := time.Now()
	in.events.start(in)
	emit(in, ProcessPreparing{now(), len(in.units)})
	onEnd := func() { in.stop(&ContextError{context.Cause(in.cfg.ctx)}) }
	in.unwatch = context.AfterFunc(in.cfg.ctx, onEnd)
	if in.cfg.ctx.Err() != nil {
		onEnd()
	}
	defer in.worker.GiveUp()
	if failed := in.bringUp(in.alive, in.hurried, &in.worker, in.units...); failed != nil {
		in.stop(failed)
		in.land(&in.worker, failed)
		return in.err
	}
	in.enter(StatePrepared)
	emit(in, ProcessPrepared{now(), len(in.units), time.Since(began)})
	return nil
}

// bringUp initialises blocks in order, then attaches them. A stop meanwhile, which is the end of halt, is an error
// even if the callback in progress succeeds; one that overruns its limit, or a stop by too much, or abort, is left
// behind with its goroutine.
func (in *initiator) bringUp(halt context.Context, abort <-chan struct{}, w *worker.Worker, units ...*unit) (failed error) {
	n, callbacks := len(units), [...]string{"Init", "Attach"}
	all := slices.Concat(units, slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return u.life.Load().block.attach == nil }))
	came := func(i int, called bool, err error, took time.Duration) (more bool) {
		u, cause := all[i], context.Cause(halt)
		switch l := u.life.Load(); {
		case !called:
			err, cause = fmt.Errorf("not called: %w", cause), nil
		case err == nil && i < n:
			if l.initialised = true; l.number == 1 {
				u.enter(StateInitialised)
			}
			emit(in, BlockInitialised{in.now(), u.desc, took})
		case err != nil && cause != nil:
			err = fmt.Errorf("%w, then: %w", cause, err)
		}
		if err = cmp.Or(err, cause); err != nil {
			failed = u.notUp(callbacks[i/n], err)
		}
		return err == nil
	}
	hung, ran := worker.Each(w, 0, len(all), in.patience(halt, abort), func(i int, done func(bool, error)) {
		if halt.Err() != nil {
			done(false, nil)
			return
		}
		guard(func() error { return all[i].life.Load().comeUp(i >= n) }, func(err error) { done(true, err) })
	}, came)
	if hung < len(all) {
		w.GiveUp()
		came(hung, true, all[hung].abandon([]string{callbacks[hung/n]}, ran), ran)
	}
	return failed
}

// launch is the flight. It does not return before everything is finished or abandoned.
func (in *initiator) launch() error {
	if !in.claimed.CompareAndSwap(false, true) {
		if !worker.Closed(in.landed) && stack.Inside(guard) {
			return ErrLaunched
		}
		<-in.landed
		return in.err
	}
	if in.why() != nil {
		in.landUnlaunched()
		return in.err
	}
	begun := make(chan struct{})
	for _, u := range in.units {
		u.life.Load().start(begun)
	}
	for _, u := range in.units { // every Run was started: now messages may come (G12), and then the connection (G16)
		u.life.Load().open()
	}
	in.enter(StateRunning)
	emit(in, ProcessRunning{now()})
	in.setDown(BlockDescriptor{}, nil) // tells how readiness is
	close(in.flying)
	in.watch()
	in.land(nil, nil)
	return in.err
}

func (in *initiator) shootDown() {
	in.stop(ErrShootDown)
	switch {
	case !in.claimed.CompareAndSwap(false, true):
	case stack.Inside(guard):
		go in.landUnlaunched() // the callback may be an observer's, which landing waits for
	default:
		in.landUnlaunched()
	}
}

func (in *initiator) landUnlaunched() {
	defer in.worker.GiveUp()
	in.land(&in.worker, nil)
}

// stop is the one trigger of the finish. It is sticky, the first cause wins (G6), and readiness goes
// before anything else happens (G19).
func (in *initiator) stop(cause error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.book.Cause != nil {
		return
	}
	in.book.Cause = cause
	in.refreshReady()
	in.die(cause)
}

// why returns the cause of the stop, nil before.
func (in *initiator) why() error { return context.Cause(in.alive) }

func (in *initiator) enter(s State) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.book.State, in.book.Since = s, time.Now()
}

// setDown notes that a block is being restarted, and why; nil says that it is no longer.
func (in *initiator) setDown(block BlockDescriptor, why error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.down, block)
	if why != nil {
		in.down[block] = why
	}
	in.refreshReady()
}

// refreshReady tells observers when readiness turns. Called with the lock held.
func (in *initiator) refreshReady() {
	s := in.summary()
	if s.State != StateRunning || in.told && s.Ready == in.ready {
		return
	}
	in.told, in.ready = true, s.Ready
	emit(in, readyMark{now(), s})
}

// summary is a status without blocks, and without a reason: that is found without the lock, which is held here,
// because it asks errors that are not ours.
func (in *initiator) summary() Status {
	s := in.book
	s.Live = s.State != StateFinished
	if in.connector != nil {
		s.Connection = in.connector.status
	}
	for block, why := range in.down { // any of them
		s.down = BlockRestarting{Block: block, Err: why}
		break
	}
	connected := in.connector == nil || s.Connection.State == StateConnected
	s.Ready = s.Cause == nil && s.State == StateRunning && connected && s.down.Err == nil
	return s
}

func (in *initiator) status() Status {
	in.mu.Lock()
	s, units := in.summary(), in.units
	in.mu.Unlock()
	s.Reason = s.reason()
	s.down = BlockRestarting{}
	s.Blocks = make([]BlockStatus, len(units))
	for i, u := range units {
		s.Blocks[i] = u.status()
		s.WaitCycles = append(s.WaitCycles, u.peer.Circles()...)
	}
	return s
}
