//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The host's handler outlives every sputnik. If one had taken it away, a signal would end the test binary.
func TestTheHostsSignalsAreUntouched(t *testing.T) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	kill := func(s syscall.Signal) { require.NoError(t, syscall.Kill(os.Getpid(), s)) }

	log := newLog()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		newHost(time.Millisecond, goroutines, log.logger()).serve(signals)
	}()
	for range 3 {
		<-log.ready
		kill(syscall.SIGHUP)
	}
	<-log.ready
	kill(syscall.SIGTERM)
	<-ended

	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		kill(s)
		assert.Equal(t, s, <-signals)
	}
}
