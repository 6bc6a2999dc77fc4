package testkit

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// LimitFiles makes writing in this process fail behind the first so many bytes of a file, as on a full disk, until the
// returned function is called.
func LimitFiles(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGXFSZ) // its default is the end of the process
	t.Cleanup(func() { signal.Stop(signals) })
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	lift = func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }
	t.Cleanup(lift)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: old.Max}))
	return lift
}
