package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

const (
	envProgram = "ADAPTERS_TEST_PROGRAM"
	patience   = 60 * time.Second // a test that waits longer has failed
)

// TestMain makes of the test binary, executed anew, a NATS server or the program under test.
func TestMain(m *testing.M) {
	brokertest.Serve()
	if os.Getenv(envProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// Three processes of one binary: all adapters, syslog alone, HTTP alone. What is sent through each is in the stream.
func TestOneBinaryThreeProcesses(t *testing.T) {
	server := brokertest.Start(t)
	env := "ADAPTERS_NATS_URLS=" + server.URL
	all, syslogOnly, httpOnly := start(t, env), start(t, env, "-conf", "conf/syslog"), start(t, env, "-conf", "conf/http")

	for _, p := range []*process{all, syslogOnly, httpOnly} {
		p.await(t, `\bready\b`, `not ready`)
	}
	syslog(t, all.await(t, syslogAddress), "by syslog, all in one")
	post(t, all.await(t, httpURL), "by HTTP, all in one")
	syslog(t, syslogOnly.await(t, syslogAddress), "by syslog, alone")
	post(t, httpOnly.await(t, httpURL), "by HTTP, alone")
	want := map[string]string{
		"by syslog, all in one": "adapters.user.notice", "by syslog, alone": "adapters.user.notice",
		"by HTTP, all in one": "adapters.orders.new", "by HTTP, alone": "adapters.orders.new",
	}
	for subject, data := range stored(t, server.URL, len(want)) {
		text := regexp.MustCompile(`by (syslog|HTTP), (all in one|alone)`).FindString(data)
		assert.Equal(t, want[text], subject, data)
		delete(want, text)
	}
	assert.Empty(t, want)

	for _, p := range []*process{all, syslogOnly, httpOnly} {
		assert.Zero(t, p.end(t))
	}
	assert.NotContains(t, syslogOnly.String(), "block=http")
	assert.NotContains(t, httpOnly.String(), "block=syslog")
}

// As a user starts it first: with nothing at all.
func TestBuiltInBroker(t *testing.T) {
	p := start(t, "ADAPTERS_NATS_EMBEDDED_LISTEN=127.0.0.1:0")
	p.await(t, `\bready\b`, `not ready`)
	post(t, p.await(t, httpURL), "by HTTP, all in one")
	for subject := range stored(t, p.await(t, `nats=(nats://\S+)`), 1) {
		assert.Equal(t, "adapters.orders.new", subject)
	}
	assert.Zero(t, p.end(t))
}

func TestAWrongConfigurationIsNamed(t *testing.T) {
	p := start(t, "ADAPTERS_HTTP_LISTEN=0.0.0.0:0")
	assert.Equal(t, 1, p.exit(t))
	assert.Contains(t, p.String(), `block "http": key "listen": "0.0.0.0:0" can be reached from other machines`)
}

const (
	syslogAddress = `listening.* tcp=(\S+)`
	httpURL       = `listening.* url=(\S+)`
)

func syslog(t *testing.T, address, text string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "<13>Nov 20 07:30:01 host app: %s\n", text)
	require.NoError(t, err)
}

func post(t *testing.T, url, text string) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Post(url+"/orders/new", "application/json", strings.NewReader(`{"text":"`+text+`"}`))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.StatusCode, string(body))
}

// stored yields subject and payload of the first messages of the stream, once they are there.
func stored(t *testing.T, url string, messages int) func(func(subject, data string) bool) {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	consumer, err := js.OrderedConsumer(ctx, "ADAPTERS", jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	return func(yield func(string, string) bool) {
		for range messages {
			msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
			require.NoError(t, err)
			if !yield(msg.Subject(), string(msg.Data())) {
				return
			}
		}
	}
}

// process is the program under test, in a process of its own.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu      sync.Mutex
	text    strings.Builder // what it has logged
	changed chan struct{}   // closed, and made anew, by each Write
}

// start starts the program on free ports.
func start(t *testing.T, env string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(binary, args...), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), envProgram+"=1", "ADAPTERS_SYSLOG_LISTEN=127.0.0.1:0", "ADAPTERS_HTTP_LISTEN=127.0.0.1:0",
		"ADAPTERS_NATS_EMBEDDED_STORE="+t.TempDir(), env)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Log(p)
		}
	})
	return p
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return p.text.Write(b)
}

func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits for a line that matches, and doesn't match one of the others. It returns the first group, if there is one.
func (p *process) await(t *testing.T, pattern string, not ...string) string {
	t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		text, changed := p.text.String(), p.changed
		p.mu.Unlock()
	lines:
		for line := range strings.Lines(text) {
			for _, n := range not {
				if regexp.MustCompile(n).MatchString(line) {
					continue lines
				}
			}
			if m := regexp.MustCompile(pattern).FindStringSubmatch(line); m != nil {
				return m[len(m)-1]
			}
		}
		select {
		case <-changed:
		case <-p.ended:
			require.Fail(t, "it has ended", p.String())
		case <-late:
			require.Fail(t, "no line "+pattern, p.String())
		}
	}
}

// end terminates the process and returns its exit status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	return p.exit(t)
}

func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(t, "it still runs")
		return -1
	}
}
