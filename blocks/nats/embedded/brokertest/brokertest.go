// Package brokertest runs a NATS server as a process of its own, which a test can kill: the test binary itself, executed
// anew, so that nothing needs to be installed.
package brokertest

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
)

const (
	envStore  = "BROKERTEST_STORE"
	envListen = "BROKERTEST_LISTEN"
	envName   = "BROKERTEST_NAME"   // of a member of a cluster
	envRoute  = "BROKERTEST_ROUTE"  // its address for the others
	envRoutes = "BROKERTEST_ROUTES" // where the others are, separated by commas
)

// Serve is to be called first in TestMain. It does not return where the binary was started by Start.
func Serve() {
	store := os.Getenv(envStore)
	if store == "" {
		return
	}
	if os.Getenv(envName) != "" {
		serveMember(store)
	}
	b, err := embedded.Start(embedded.Conf{Store: store, Listen: os.Getenv(envListen)}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(b.ClientURL())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has ended, however it did
	if err := b.Stop(); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// Process is a NATS server with JetStream in a process of its own. Its store and port outlive a Kill.
type Process struct {
	URL   string
	store string
	env   []string // of a member of a cluster
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// Start starts a server with an empty store, on a free port.
func Start(t *testing.T) *Process {
	t.Helper()
	p := Reserve(t)
	p.Restart(t)
	return p
}

// Reserve returns a server that doesn't run: Restart starts it at the address that URL says.
func Reserve(t *testing.T) *Process {
	t.Helper()
	p := &Process{store: t.TempDir()}
	t.Cleanup(p.Kill)
	p.run(t, "127.0.0.1:0")
	p.Kill()
	return p
}

// Restart starts it again after Kill, on the same store and port.
func (p *Process) Restart(t *testing.T) {
	t.Helper()
	p.run(t, strings.TrimPrefix(p.URL, "nats://"))
}

// Kill ends it by SIGKILL.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may be frozen
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
	p.cmd = nil
}

func (p *Process) run(t *testing.T, listen string) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(append(os.Environ(), envStore+"="+p.store, envListen+"="+listen), p.env...)
	cmd.Stderr = os.Stderr // a file: no goroutine copies it
	p.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p.cmd = cmd
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "the server's address: %s", line)
	require.True(t, strings.HasPrefix(line, "nats://"), line)
	p.URL = strings.TrimSpace(line)
}
