package sputnik

import (
	"os"

	"github.com/sputnik-go/sputnik/internal/signals"
)

// The default finisher, replaced by [WithFinisher].
const (
	DefaultFinisherName           = "finisher"
	DefaultFinisherResponsibility = "finisher"
)

// FinisherDescriptor describes the default finisher.
func FinisherDescriptor() BlockDescriptor {
	return BlockDescriptor{DefaultFinisherName, DefaultFinisherResponsibility}
}

// finisher turns signals into the finish of the process (G9). It listens from its Init, the first of all, to its
// Finish, the last of all.
type finisher struct {
	in   *initiator
	stop func()
}

func finisherFactory() *Block {
	f := new(finisher)
	b := NewBlock(WithInit(f.init), WithRun(func(BlockCommunicator) {}), WithFinish(f.finish))
	b.bind = func(u *unit) { f.in = u.in }
	return b
}

func (f *finisher) init(ConfFactory) error {
	f.stop = signals.Listen(f.in.cfg.signals, func(s os.Signal) { f.in.stop(&SignalError{s}) }, func() { f.in.cut(ErrForced) })
	return nil
}

func (f *finisher) finish(bool) { f.stop() }
