package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/examples/cli"
)

const patience = 60 * time.Second // a test that waits longer has failed

// output is what a process writes, line by line. Tests wait for lines.
type output struct {
	mu      sync.Mutex
	partial string
	lines   []string
	changed chan struct{} // closed, and made anew, by each Write
	over    bool          // there is no more to come
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

// end says that there is no more to come.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(o.partial+string(p), "\n")
	o.partial = lines[len(lines)-1]
	o.lines = append(o.lines, lines[:len(lines)-1]...)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

// await returns the first line, from the given one on, that matches, and the number of the next line.
func (o *output) await(t testing.TB, from int, pattern string) (match []string, next int) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		o.mu.Lock()
		for from < len(o.lines) {
			from++
			if m := re.FindStringSubmatch(o.lines[from-1]); m != nil {
				o.mu.Unlock()
				return m, from
			}
		}
		changed, over := o.changed, o.over
		o.mu.Unlock()
		if over {
			require.Fail(t, "the process has ended without a line "+pattern, o.String())
		}
		select {
		case <-changed:
		case <-late:
			require.Fail(t, "no line "+pattern, o.String())
		}
	}
}

// process is the program under test, in this process or in one of its own.
type process struct {
	stdout, stderr *output
	pid            int // of a process of its own
	kill           func(os.Signal)
	code           chan int
	ended          bool
}

func environ(extra ...string) []string {
	return append([]string{"S2N_SYSLOG_LISTEN=127.0.0.1:0", "S2N_SYSLOG_DRAIN=50ms", "S2N_SYSLOG_TIMEZONE=UTC"}, extra...)
}

// start runs the program in this process.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	signals := make(chan os.Signal, 2)
	p := &process{stdout: newOutput(), stderr: newOutput(), code: make(chan int, 1)}
	p.kill = func(s os.Signal) { signals <- s }
	inv := cli.Invocation{
		Args: args, Environ: env, Stdout: p.stdout, Stderr: p.stderr, Signals: signals,
		Options: []sputnik.SputnikOption{sputnik.WithBackoffCap(50 * time.Millisecond)},
	}
	go func() {
		code := program().Run(inv)
		p.stdout.end()
		p.stderr.end()
		p.code <- code
	}()
	p.endWith(t)
	return p
}

// execute runs the program in a process of its own.
func execute(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	stdout := newOutput()
	p := executeTo(t, stdout, env, args...)
	p.stdout = stdout
	return p
}

// executeTo is execute with a standard output of the test's own.
func executeTo(t *testing.T, stdout io.Writer, env []string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), envProgram+"=1"), env...)
	p := &process{stderr: newOutput(), code: make(chan int, 1)}
	cmd.Stdout, cmd.Stderr = stdout, p.stderr
	require.NoError(t, cmd.Start())
	p.pid = cmd.Process.Pid
	p.kill = func(s os.Signal) { _ = cmd.Process.Signal(s) }
	go func() {
		_ = cmd.Wait()
		p.stderr.end()
		p.code <- cmd.ProcessState.ExitCode()
	}()
	p.endWith(t)
	return p
}

// endWith ends the process with the test, and shows its log if that failed.
func (p *process) endWith(t testing.TB) {
	t.Cleanup(func() {
		if !p.ended {
			p.kill(interrupt)
			<-p.code
		}
		if t.Failed() {
			t.Log("stderr:\n" + p.stderr.String())
		}
	})
}

// exit returns the exit status.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	select {
	case code := <-p.code:
		p.ended = true
		return code
	case <-time.After(patience):
		require.Fail(t, "does not end", p.stderr.String())
		return -1
	}
}

func (p *process) address(t testing.TB) string {
	t.Helper()
	match, _ := p.stderr.await(t, 0, `msg=listening .*tcp=(\S+)`)
	return match[1]
}

func (p *process) natsURL(t testing.TB) string {
	t.Helper()
	match, _ := p.stderr.await(t, 0, `msg=listening .*nats=(\S+)`)
	return match[1]
}

func (p *process) dial(t testing.TB, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, p.address(t))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// accepted waits until the connection's lines are all read: the program closes, in turn, what the sender has closed.
func accepted(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, readAll(c))
}

func readAll(c net.Conn) error {
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("want the end, got %w", err)
	}
	return nil
}

func hasLogger(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("logger")
	if err != nil {
		t.Skip("logger (util-linux) is not installed")
	}
	help, err := exec.Command(path, "--help").CombinedOutput()
	if err != nil || !slices.ContainsFunc(strings.Fields(string(help)), func(s string) bool { return s == "--octet-count" }) {
		t.Skip("this logger has no --octet-count")
	}
	return path
}

const interrupt = syscall.SIGINT
