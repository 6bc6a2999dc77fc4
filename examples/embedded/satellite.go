package main

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/sputnik-go/sputnik"
)

// satellite is one flight of the sputnik inside the host.
type satellite struct {
	sputnik sputnik.Sputnik
	leave   chan struct{} // closed when the host wants the end
	ended   chan struct{} // closed when err is why it ended; nil after a clean end
	err     error
}

// liftOff starts a flight. One that can't even start is a flight that has ended.
func (h *host) liftOff() *satellite {
	sat := &satellite{leave: make(chan struct{}), ended: make(chan struct{})}
	launch, err := sat.prepare(h)
	if err != nil {
		launch = func() error { return err }
	}
	go func() {
		defer close(sat.ended)
		sat.err = launch()
	}()
	return sat
}

func (sat *satellite) prepare(h *host) (sputnik.Launch, error) {
	sp, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(noConfiguration),
		sputnik.WithConnector(&connector{h.ledger}, 0),
		sputnik.WithFinisher(called("host")),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{called("clerk"), called("meter")}),
		// A list of its own instead of the registered factories: blocks of the host take what they need from
		// the host, and another sputnik in this process has nothing to do with them.
		sputnik.WithBlockFactories(sputnik.BlockFactories{
			"host":  func() *sputnik.Block { return sputnik.BlockOf(&finisher{sat.leave}) },
			"clerk": func() *sputnik.Block { return sputnik.BlockOf(new(clerk), sputnik.WithSerialCallbacks()) },
			"meter": func() *sputnik.Block { return sputnik.BlockOf(&meter{h.every, h.read}) },
		}),
		sputnik.WithLogger(h.log.With("flight", h.flight)),
	)
	if err != nil {
		return nil, err
	}
	sat.sputnik = *sp
	launch, _, err := sp.Prepare()
	return launch, err
}

// finish asks for the end and waits for it. A flight that has ended already is fine.
func (sat *satellite) finish() {
	close(sat.leave)
	<-sat.ended
}

// called describes a block of which there is only one.
func called(name string) sputnik.BlockDescriptor {
	return sputnik.BlockDescriptor{Name: name, Responsibility: name}
}

// noConfiguration is for a host that gives its blocks what they need by itself.
func noConfiguration(block string, _ any) error { return fmt.Errorf("%s: %w", block, fs.ErrNotExist) }

// finisher stands in for the default one, which would listen to signals: it finishes the sputnik when the
// host says so. It is the first block to come and the last to go.
type finisher struct{ leave <-chan struct{} }

func (f *finisher) Init(sputnik.ConfFactory) error { return nil }

func (f *finisher) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	select {
	case <-f.leave:
		if initiator, ok := bc.Communicator(sputnik.InitiatorResponsibility); ok {
			initiator.Send(sputnik.FinishMsg())
		}
		return nil
	case <-ctx.Done(): // the end has another cause
		return ctx.Err()
	}
}
