package sputniktest

import (
	"context"
	"time"

	"github.com/sputnik-go/sputnik"
)

// probeResponsibility is that of the hidden block by which a test speaks.
const probeResponsibility = "sputniktest"

// signalGap is more than the time within which two signals count as one (G9).
const signalGap = 300 * time.Millisecond

type member struct {
	resp string
	make sputnik.BlockFactory
}

// process is a flight with its crew, its signals and its events. The harness and the kits fly by it; it knows no test.
type process struct {
	crew    []member
	options []sputnik.SputnikOption
	signals *Signals
	events  journal[sputnik.Event]
	probe   sputnik.BlockCommunicator // nil before it was attached

	sp        *sputnik.Sputnik // nil before prepare
	launch    sputnik.Launch
	shootDown sputnik.ShootDown
	landed    chan struct{} // closed when err is settled; nil before start
	err       error
}

func newProcess(opts ...sputnik.SputnikOption) *process {
	return &process{options: opts, signals: NewSignals()}
}

func (p *process) add(resp string, factory sputnik.BlockFactory) {
	p.crew = append(p.crew, member{resp, factory})
}

// prepare makes the process and brings it up. The probe is last in the list, so that it changes neither positions in
// errors nor much of the time that others have for their finish.
func (p *process) prepare() error {
	var list []sputnik.BlockDescriptor
	factories := sputnik.DefaultFactories()
	for _, m := range append(p.crew, member{probeResponsibility, p.probeFactory}) {
		list = append(list, sputnik.BlockDescriptor{Name: m.resp, Responsibility: m.resp})
		factories[m.resp] = m.make
	}
	opts := append([]sputnik.SputnikOption{
		sputnik.WithConfFactory(NoConf), sputnik.WithAppBlocks(list), sputnik.WithBlockFactories(factories),
		p.signals.Option(), sputnik.WithObserver(p.events.add),
	}, p.options...)
	sp, err := sputnik.NewSputnik(opts...)
	if err != nil {
		return err
	}
	p.sp = sp
	p.launch, p.shootDown, err = sp.Prepare()
	return err
}

// probeFactory makes the block by which a test speaks.
func (p *process) probeFactory() *sputnik.Block {
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { p.probe = bc }),
		sputnik.WithRunContext(untilDone),
	)
}

func untilDone(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	return nil
}

func (p *process) start() {
	p.landed = make(chan struct{})
	go func() {
		defer close(p.landed)
		p.err = p.launch()
	}()
}

func (p *process) wait() error {
	<-p.landed
	return p.err
}

// secondSignal sends one after the other, with the gap that makes two of them; a process that lands between doesn't
// get the second.
func (p *process) secondSignal() {
	p.signals.Terminate()
	gap := time.NewTimer(signalGap)
	defer gap.Stop()
	select {
	case <-gap.C:
		p.signals.Terminate()
	case <-p.landed:
	}
}
