package sputnik

import (
	"context"
	"errors"
	"sync/atomic"
)

// Sputnik is a process that can be prepared for its flight. It may be copied; copies stand for the same process.
type Sputnik struct {
	cfg    *config
	flight *atomic.Pointer[initiator] // the last that was prepared
}

// Launch starts the Run of every block, waits until the process is told to stop, and finishes it in
// order (G3-G10). It returns nil after a clean finish by signal, [ShootDown], [FinishMsg] or context, else a
// *[FlightError]. It may be called from any goroutine; a second call waits for the end of
// the first and returns the same, or [ErrLaunched] from inside a block's callback.
type Launch func() error

// ShootDown stops the process, as a signal does. It may be called from any goroutine, a block's included, at any time
// and more than once. During the flight it doesn't wait for the end. In place of a launch it finishes the
// blocks by itself, with Finish(true), and returns when that is done (from inside a callback: at once); launch
// then returns nil, or what went wrong.
type ShootDown func()

// NewSputnik makes a process of options; [WithConfFactory] and [WithAppBlocks] are mandatory. The error is
// a *[SetupError] that lists everything that is wrong with the set-up. Factories are called only if there is a
// fault already, to report all at once; else their faults are Prepare's. The Sputnik is never nil; where
// there is an error, its Prepare returns it again.
func NewSputnik(opts ...SputnikOption) (*Sputnik, error) {
	sp := &Sputnik{
		cfg: &config{
			finisher:       FinisherDescriptor(),
			own:            1,
			ctx:            context.Background(),
			initTimeout:    DefaultInitTimeout,
			finishTimeout:  DefaultFinishTimeout,
			connectTimeout: DefaultConnectTimeout,
			backoffCap:     DefaultBackoffCap,
			watchdog:       DefaultWatchdog,
		},
		flight: new(atomic.Pointer[initiator]),
	}
	if len(opts) == 0 {
		sp.cfg.fault("no options: WithConfFactory and WithAppBlocks are mandatory")
	}
	for i, opt := range opts {
		if opt == nil {
			sp.cfg.fault("option %d is nil", i+1)
			continue
		}
		opt(sp)
	}
	sp.cfg.check()
	if len(sp.cfg.faults) > 0 {
		_, err := newInitiator(sp.cfg)
		return sp, err
	}
	return sp, nil
}

// Prepare creates all blocks, initialises them one after another (G1), and attaches them. If that
// fails, the initialised ones are finished in reverse order, and the error says which block failed, at which
// position, and why (G2): a *[SetupError], an *[InitError], or a *[FlightError] with that as its cause where
// the rollback failed, too. After a nil error, call launch or shootDown: the blocks are up.
//
// Prepare may be called again, for another flight of its own; with a connector, when the last one has ended.
func (s Sputnik) Prepare() (launch Launch, shootDown ShootDown, err error) {
	if s.cfg == nil {
		return nil, nil, &SetupError{Faults: []error{errors.New("this Sputnik was not made by NewSputnik")}}
	}
	in, err := newInitiator(s.cfg)
	if err != nil {
		return nil, nil, err
	}
	s.flight.Store(in)
	if err := in.prepare(); err != nil {
		return nil, nil, err
	}
	return in.launch, in.shootDown, nil
}

// Fly is a whole flight in one call: NewSputnik, Prepare, launch.
func Fly(opts ...SputnikOption) error {
	sp, _ := NewSputnik(opts...) // Prepare returns the error again
	launch, _, err := sp.Prepare()
	if err != nil {
		return err
	}
	return launch()
}
