package sputnik

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// InitiatorResponsibility finds the initiator by [BlockCommunicator]'s Communicator; it takes [FinishMsg].
const InitiatorResponsibility = "initiator"

const (
	// interruptGrace is how long an Init may go on after a stop: it can't be told, and may be about to return.
	interruptGrace = 5 * time.Second
)

// initiator is one flight: it creates and initialises all blocks in order, launches them, takes the
// control messages, and finishes them in reverse.
type initiator struct {
	cfg       config
	id        string          // tells the goroutines of this flight from those of another
	base      context.Context // the host's values, not its end
	units     []*unit         // in the order of initialisation
	byResp    map[string]*unit
	connector *connector // nil without
	events    eventBus
	worker    worker // the goroutine of initialisation

	stopping chan struct{} // closed by the first stop
	hurried  chan struct{} // closed when the finish is cut short
	flying   chan struct{} // closed when every Run was started
	landed   chan struct{} // closed when err is settled
	claimed  atomic.Bool   // by the one call that flies, or lands
	unwatch  func() bool   // ends the watch on the host's context
	hung     atomic.Int32  // blocks abandoned so far
	err      error         // what launch returns

	mu       sync.Mutex
	state    State
	since    time.Time
	cause    error     // why it stops: the first one (G6)
	cut      error     // why the finish was cut short
	deadline time.Time // of the finish
	ready    bool      // as last told to observers
	told     bool      // observers were told
}

// newInitiator checks the set-up and creates all blocks; the error lists every fault.
func newInitiator(cfg *config) (*initiator, error) {
	in := &initiator{
		cfg:      *cfg,
		base:     context.WithoutCancel(cfg.ctx),
		byResp:   make(map[string]*unit),
		stopping: make(chan struct{}),
		hurried:  make(chan struct{}),
		flying:   make(chan struct{}),
		landed:   make(chan struct{}),
		state:    StatePreparing,
		since:    time.Now(),
	}
	in.id = fmt.Sprintf("%p", in)
	faults := append([]error(nil), cfg.faults...)
	for i, d := range cfg.descriptors() {
		factory, err := cfg.factory(d.Name)
		if err != nil {
			continue // among the faults already
		}
		b, err := create(&in.worker, factory, cfg.initTimeout)
		wrong := []error{err}
		if err == nil {
			wrong = b.check(cfg.connected)
			if b.bind != nil && i >= cfg.infrastructure() {
				wrong = append(wrong, errors.New("it is the library's own, not an application block"))
			}
		}
		for _, err := range wrong {
			faults = append(faults, fmt.Errorf("block %d (%s): %w", i+1, d, err))
		}
		if len(faults) > 0 {
			continue
		}
		u := newUnit(in, d, b, i+1)
		in.units = append(in.units, u)
		in.byResp[d.Responsibility] = u
		if b.bind != nil {
			b.bind(u)
		}
	}
	if len(faults) > 0 {
		in.worker.giveUp()
		return nil, &SetupError{Faults: faults}
	}
	return in, nil
}

func create(w *worker, factory BlockFactory, limit time.Duration) (*Block, error) {
	var b *Block // the factory's until its outcome came
	err, came := patience{limit: limit}.await(w.run(context.Background(), func() error { b = factory(); return nil }))
	if !came {
		err = fmt.Errorf("%w (%v)", ErrTimeout, limit)
	}
	if err != nil {
		w.giveUp()
		return nil, fmt.Errorf("factory: %w", err)
	}
	if b == nil {
		return nil, errors.New("the factory returned a nil block")
	}
	return b, nil
}

// prepare initialises and attaches all blocks, or rolls back (G1, G2).
func (in *initiator) prepare() error {
	began := time.Now()
	in.events.start(in.cfg.observers)
	in.events.emit(ProcessPreparing{now(), len(in.units)})
	onEnd := func() { in.stop(&ContextError{context.Cause(in.cfg.ctx)}) }
	in.unwatch = context.AfterFunc(in.cfg.ctx, onEnd)
	if in.cfg.ctx.Err() != nil {
		onEnd()
	}
	defer in.worker.giveUp()
	if failed := in.bringUp(); failed != nil {
		in.stop(failed)
		in.land(&in.worker, failed)
		return in.err
	}
	in.enter(StatePrepared)
	in.events.emit(ProcessPrepared{now(), len(in.units), time.Since(began)})
	return nil
}

func (in *initiator) bringUp() error {
	failed := func(u *unit, callback string, err error) error {
		ie := &InitError{Block: u.desc, Callback: callback, Position: u.position, Of: len(in.units), Err: err}
		if u.status().State == StateCreated {
			u.enter(StateFailed)
		}
		u.fault(ie)
		in.events.emit(BlockFailed{now(), u.desc, ie})
		return ie
	}
	for _, u := range in.units {
		began := time.Now()
		succeeded, err := in.step(u, "Init", func() error { return u.block.init(ConfFor(in.cfg.confFactory, u.desc)) })
		if succeeded {
			u.enter(StateInitialised)
			in.events.emit(BlockInitialised{now(), u.desc, time.Since(began)})
		}
		if err != nil {
			return failed(u, "Init", err)
		}
	}
	for _, u := range in.units {
		if u.block.attach == nil {
			continue
		}
		if _, err := in.step(u, "Attach", func() error { u.block.attach(&communicator{u, u}); return nil }); err != nil {
			return failed(u, "Attach", err)
		}
	}
	return nil
}

// step runs one callback on the goroutine of initialisation. A stop meanwhile is an error even if the callback
// succeeded; one that overruns its limit, or a stop by too much, is left behind with its goroutine.
func (in *initiator) step(u *unit, callback string, fn func() error) (succeeded bool, err error) {
	if cause := in.why(); cause != nil {
		return false, fmt.Errorf("not called: %w", cause)
	}
	began := time.Now()
	p := patience{in.cfg.initTimeout, interruptGrace, in.stopping, in.hurried}
	err, came := p.await(in.worker.run(u.ctx, fn))
	if came {
		if cause := in.why(); cause != nil && err != nil {
			return false, fmt.Errorf("%w, then: %w", cause, err)
		} else if cause != nil {
			return true, cause
		}
		return err == nil, err
	}
	in.worker.giveUp()
	hung := u.abandoned([]string{callback}, time.Since(began))
	u.leave(hung)
	if cause := in.why(); cause != nil {
		return false, fmt.Errorf("%w, then: %w", cause, hung)
	}
	return false, hung
}

// launch is the flight. It does not return before everything is finished or abandoned.
func (in *initiator) launch() error {
	if !in.claimed.CompareAndSwap(false, true) {
		if !isClosed(in.landed) && inCallback() {
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
		u.start(func() { begun <- struct{}{} })
		<-begun
	}
	for _, u := range in.units { // every Run was started: now messages may come (G12), and then the connection (G16)
		u.box.Open()
	}
	in.enter(StateRunning)
	in.events.emit(ProcessRunning{now()})
	in.mu.Lock()
	in.refreshReady()
	in.mu.Unlock()
	close(in.flying)
	<-in.stopping
	in.land(nil, nil)
	return in.err
}

func (in *initiator) shootDown() {
	in.stop(ErrShootDown)
	switch {
	case !in.claimed.CompareAndSwap(false, true):
	case inCallback():
		go in.landUnlaunched() // the callback may be an observer's, which landing waits for
	default:
		in.landUnlaunched()
	}
}

func (in *initiator) landUnlaunched() {
	defer in.worker.giveUp()
	in.land(&in.worker, nil)
}

// stop is the one trigger of the finish. It is sticky, the first cause wins (G6), and readiness goes
// before anything else happens (G19).
func (in *initiator) stop(cause error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.cause != nil {
		return
	}
	in.cause = cause
	in.refreshReady()
	close(in.stopping)
}

// why returns the cause of the stop, nil before.
func (in *initiator) why() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.cause
}

func (in *initiator) enter(s State) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.state, in.since = s, time.Now()
}

// refreshReady tells observers when readiness turns. Called with the lock held.
func (in *initiator) refreshReady() {
	h := in.health()
	if in.state != StateRunning || in.told && h.ready() == in.ready {
		return
	}
	in.told, in.ready = true, h.ready()
	in.events.emit(readyMark{now(), h})
}

// health is what readiness follows from.
type health struct {
	state      State
	cause      error
	connected  bool
	connection ConnectionStatus
}

// health takes a snapshot. Called with the lock held; the words for it are found without, because
// they ask errors that are not ours.
func (in *initiator) health() health {
	h := health{state: in.state, cause: in.cause, connected: true}
	if in.connector != nil {
		h.connection = in.connector.status
		h.connected = h.connection.State == StateConnected
	}
	return h
}

func (h health) ready() bool { return h.cause == nil && h.state == StateRunning && h.connected }

// reason says in one sentence why not ready.
func (h health) reason() string {
	switch {
	case h.ready():
		return ""
	case h.state == StateFinished:
		return fmt.Sprintf("stopped: %v", h.cause)
	case h.cause != nil:
		return fmt.Sprintf("stopping: %v", h.cause)
	case h.state == StatePreparing:
		return "the blocks are being initialised"
	case h.state != StateRunning:
		return "not launched yet"
	}
	c := h.connection
	why := "no connection to the server"
	if c.State == StateConnecting {
		why += fmt.Sprintf(": attempt %d is in progress", c.Attempt)
	} else if !c.NextTry.IsZero() {
		why += fmt.Sprintf(": attempt %d follows in %v", c.Attempt, time.Until(c.NextTry).Round(time.Millisecond))
	}
	if c.LastError != nil {
		why += fmt.Sprintf("; last error: %v", c.LastError)
	}
	return why
}

func (in *initiator) status() Status {
	in.mu.Lock()
	h := in.health()
	s := Status{
		State: h.state, Since: in.since, Cause: h.cause, Connection: h.connection,
		Live: h.state != StateFinished, Ready: h.ready(),
	}
	in.mu.Unlock()
	s.Reason = h.reason()
	s.Blocks = make([]BlockStatus, len(in.units))
	for i, u := range in.units {
		s.Blocks[i] = u.status()
	}
	return s
}
