package sputnik

import (
	"os"
	"os/signal"
	"syscall"
	"time"
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

// sameDelivery is the time within which further signals count as copies of the first: a terminal
// signals the whole process group, and a parent often passes the signal on (G9).
const sameDelivery = 250 * time.Millisecond

// finisher turns signals into the finish of the process. It listens from its Init, the first of all, to its
// Finish, the last of all.
type finisher struct {
	in      *initiator
	own     chan os.Signal
	signals <-chan os.Signal
	quit    chan struct{}
	done    chan struct{}
}

func finisherFactory() *Block {
	f := &finisher{quit: make(chan struct{}), done: make(chan struct{})}
	b := NewBlock(WithInit(f.init), WithRun(f.run), WithFinish(f.finish))
	b.bind = func(u *unit) { f.in = u.in }
	return b
}

func (f *finisher) init(ConfFactory) error {
	f.signals = f.in.cfg.signals
	if f.signals == nil {
		f.own = make(chan os.Signal, 2)
		signal.Notify(f.own, os.Interrupt, syscall.SIGTERM)
		f.signals = f.own
	}
	stopped := false
	select {
	case s, ok := <-f.signals: // one that came before counts before the next Init
		if stopped = ok; ok {
			f.in.stop(&SignalError{s})
		}
	default:
	}
	go f.listen(stopped)
	return nil
}

func (f *finisher) run(BlockCommunicator) {} // Init's goroutine does it

func (f *finisher) listen(stopped bool) {
	defer close(f.done)
	last := time.Now()
	for {
		select {
		case <-f.quit:
			return
		case s, ok := <-f.signals:
			switch {
			case !ok:
				f.signals = nil // nothing more will come
			case !stopped:
				stopped, last = true, time.Now()
				f.in.stop(&SignalError{s})
			case time.Since(last) >= sameDelivery:
				f.in.cut(ErrForced)
			}
		}
	}
}

func (f *finisher) finish(bool) {
	if f.own != nil {
		signal.Stop(f.own)
	}
	close(f.quit)
	<-f.done
}
