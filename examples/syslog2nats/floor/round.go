package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	tooLong = 2 * time.Minute // for a round
	look    = 2 * time.Millisecond
)

// build makes the program to compare with.
func build(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/sputnik-go/sputnik/examples/syslog2nats")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// round is one measurement: a fresh process, a fresh stream.
type round struct {
	folder  string
	lines   int
	conns   int
	command []string
}

// speed is lines a second: by the clock, from the first byte sent to the last line stored; and of CPU time, which other
// processes on the machine hardly change.
type speed struct{ wall, cpu float64 }

func (r round) measure(ctx context.Context) (result speed, err error) {
	ctx, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	store, err := os.MkdirTemp(r.folder, "store")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(store)) }()
	s, err := startSidecar(ctx, r.command, store)
	if err != nil {
		return result, err
	}
	defer func() {
		err = errors.Join(err, s.stop())
		used := s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
		result.cpu = float64(r.lines) / used.Seconds()
	}()

	nc, err := nats.Connect(s.natsURL)
	if err != nil {
		return result, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return result, err
	}
	began := time.Now()
	if err := r.send(ctx, s.syslog); err != nil {
		return result, err
	}
	if err := stored(ctx, js, uint64(r.lines)); err != nil {
		return result, err
	}
	result.wall = float64(r.lines) / time.Since(began).Seconds()
	return result, nil
}

// send writes the lines, divided among the connections, and returns when the last one is written.
func (r round) send(ctx context.Context, address string) error {
	results := make([]error, r.conns)
	var sending sync.WaitGroup
	for i := range r.conns {
		share := r.lines / r.conns
		if i < r.lines%r.conns {
			share++
		}
		sending.Go(func() { results[i] = sendLines(ctx, address, i, share) })
	}
	sending.Wait()
	return errors.Join(results...)
}

func sendLines(ctx context.Context, address string, sender, lines int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()                                          //nolint:errcheck // all is written
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends a write that waits
	w := bufio.NewWriterSize(conn, 32<<10)
	for n := range lines {
		_, err := fmt.Fprintf(w, "<134>1 2026-11-20T14:00:00.123456Z web-%d nginx %d access - GET /api/v1/items/%d HTTP/1.1 200 1532 0.004\n", sender, 4000+sender, n)
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

// stored waits until the stream holds that many messages.
func stored(ctx context.Context, js jetstream.JetStream, want uint64) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		stream, err := js.Stream(ctx, streamName)
		if err != nil {
			return err
		}
		if n := stream.CachedInfo().State.Msgs; n >= want {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not all lines were stored: %w", context.Cause(ctx))
		}
	}
}

// sidecar is a process that is measured.
type sidecar struct {
	cmd             *exec.Cmd
	log             *logReader
	syslog, natsURL string
}

func startSidecar(ctx context.Context, command []string, store string) (*sidecar, error) {
	s := &sidecar{cmd: exec.CommandContext(ctx, command[0], append(command[1:], storeArgs(command, store)...)...)}
	s.cmd.Env = append(os.Environ(), "S2N_SYSLOG_LISTEN=127.0.0.1:0", "S2N_NATS_EMBEDDED_LISTEN=127.0.0.1:0", "S2N_NATS_EMBEDDED_STORE="+store)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 30 * time.Second
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.log = newLogReader(stderr)
	s.natsURL = s.log.find(`listening .*nats=(\S+)`)
	s.syslog = s.log.find(`listening .*tcp=(\S+)`)
	if s.log.find(`(msg=ready)`) == "" {
		_ = s.cmd.Wait() // the log says why
		return nil, fmt.Errorf("%s does not come up:\n%s", command[0], s.log)
	}
	return s, nil
}

func storeArgs(command []string, store string) []string {
	if command[1] == byHand {
		return []string{store}
	}
	return nil
}

func (s *sidecar) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	s.log.find(`(never there)`) // to its end
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%w:\n%s", err, s.log)
	}
	return nil
}

// logReader finds lines in a log, in order.
type logReader struct {
	lines *bufio.Scanner
	seen  strings.Builder
}

func newLogReader(r io.Reader) *logReader { return &logReader{lines: bufio.NewScanner(r)} }

// find returns what the next line that matches has in parentheses; "" at the end of the log.
func (l *logReader) find(pattern string) string {
	re := regexp.MustCompile(pattern)
	for l.lines.Scan() {
		l.seen.WriteString(l.lines.Text() + "\n")
		if m := re.FindStringSubmatch(l.lines.Text()); m != nil {
			return m[1]
		}
	}
	return ""
}

func (l *logReader) String() string { return l.seen.String() }
