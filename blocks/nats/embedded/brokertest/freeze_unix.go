//go:build unix

package brokertest

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Freeze stops it by SIGSTOP: its connections stay up, and silent.
func (p *Process) Freeze(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
}

// Thaw lets it go on after Freeze.
func (p *Process) Thaw(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
}
