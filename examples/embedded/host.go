package main

import (
	"log/slog"
	"os"
	"syscall"
	"time"
)

// host is the process around the sputnik.
type host struct {
	ledger *ledger
	every  time.Duration // between two readings
	read   reading
	log    *slog.Logger
	flight int // its number, from 1
}

func newHost(every time.Duration, read reading, log *slog.Logger) *host {
	return &host{ledger: openLedger(), every: every, read: read, log: log}
}

// serve lives through any number of flights, until a signal says that it's enough.
func (h *host) serve(signals <-chan os.Signal) {
	for again := true; again; {
		h.flight++
		again = h.fly(signals)
	}
	// The host's own last work. Every block has finished: no entry is still on its way.
	h.log.Info("host: ledger closed", "entries", h.ledger.close())
}

// fly is one flight. It tells whether another one is wanted.
func (h *host) fly(signals <-chan os.Signal) (again bool) {
	sat := h.liftOff()
	ended := sat.ended
	for {
		select {
		case <-ended:
			// A sputnik that failed is no reason for the host to end. It waits to be told.
			h.report(sat)
			ended = nil
		case s := <-signals:
			status := sat.sputnik.Status()
			h.log.Info("host: signal", "signal", s, "state", status.State, "ready", status.Ready)
			sat.finish()
			if ended != nil {
				h.report(sat)
			}
			return s == syscall.SIGHUP
		}
	}
}

// report says why the sputnik ended. The cause is known after a clean end too, when there is no error.
func (h *host) report(sat *satellite) {
	h.log.Info("host: flight is over", "flight", h.flight, "cause", sat.sputnik.Status().Cause, "error", sat.err)
}
