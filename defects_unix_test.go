//go:build unix

package sputnik_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// The default finisher takes its own channel away and nothing else. Had it reset the handlers, the signals that
// follow would end the test binary.
func TestDefectHostsSignalHandlersWiped(t *testing.T) {
	host := make(chan os.Signal, 4)
	signal.Notify(host, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(host)
	heard := func() os.Signal {
		select {
		case s := <-host:
			return s
		case <-time.After(10 * time.Second): // a signal on its way takes no time that could be told
			return nil
		}
	}
	kill := func(s syscall.Signal) { require.NoError(t, syscall.Kill(os.Getpid(), s)) }

	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		sp, err := sputnik.NewSputnik(crew{idle("a")}.options()...)
		require.NoError(t, err)
		launch, _, err := sp.Prepare()
		require.NoError(t, err)
		kill(s)
		require.NoError(t, launch())
		assert.Equal(t, &sputnik.SignalError{Signal: s}, sp.Status().Cause)
		assert.Equal(t, s, heard(), "the host gets it as well")
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		kill(s)
		assert.Equal(t, s, heard())
	}
}
