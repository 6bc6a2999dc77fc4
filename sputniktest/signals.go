package sputniktest

import (
	"os"
	"syscall"

	"github.com/sputnik-go/sputnik"
)

// Signals is a source of signals for one process, in place of the operating system's: signal.Notify is fatal in a
// synctest bubble, and a real signal meets every test of the program. Its methods may be called from any goroutine.
type Signals struct{ c chan os.Signal }

// NewSignals returns a source that sends nothing by itself. In a bubble, call it there.
func NewSignals() *Signals { return &Signals{make(chan os.Signal, 16)} }

// Option makes the process listen to this source.
func (s *Signals) Option() sputnik.SputnikOption { return sputnik.WithSignals(s.c) }

// Interrupt sends os.Interrupt, as Ctrl-C does. A second signal forces the finish (G9) if it comes 250 ms or more
// after the first.
func (s *Signals) Interrupt() { s.Send(os.Interrupt) }

// Terminate sends SIGTERM, as systemd and Kubernetes do.
func (s *Signals) Terminate() { s.Send(syscall.SIGTERM) }

// Send sends any signal. It never blocks: where 16 wait already, one more is dropped, as by the operating system.
func (s *Signals) Send(sig os.Signal) {
	select {
	case s.c <- sig:
	default:
	}
}
