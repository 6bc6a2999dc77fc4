// Command embedded is a process of its own that has a sputnik inside, and outlives it.
//
//	go run ./examples/embedded
//
// The host keeps a ledger, and owns the process: its signals, its log, its end. The sputnik takes readings and
// enters them in the ledger. SIGHUP replaces the sputnik by a fresh one; Ctrl-C or SIGTERM ends first the
// sputnik, then the host, with 0.
package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// The only handler of the process. With a finisher of the host's, the sputnik listens to no signal; and none
	// ever removes a handler that isn't its own.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	newHost(time.Second, goroutines, slog.New(slog.NewTextHandler(os.Stderr, nil))).serve(signals)
}
