package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/examples/cli"
)

const header = "<13>Nov 20 07:30:01 host app: "

func numbered(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("line %d", i))
	}
	return all
}

func lines(texts []string) string { return header + strings.Join(texts, "\n"+header) + "\n" }

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

func embeddedEnv(t *testing.T) []string {
	t.Helper()
	return environ("S2N_NATS_EMBEDDED_STORE="+t.TempDir(), "S2N_NATS_EMBEDDED_LISTEN=127.0.0.1:0")
}

func TestEmbeddedBroker(t *testing.T) {
	p := start(t, embeddedEnv(t), "--tail")
	p.stderr.await(t, 0, "msg=ready")
	c := p.dial(t, "tcp")
	send(t, c, lines([]string{"over TCP"}))
	p.stdout.await(t, 0, `^#1 \S+ 127.0.0.1:\d+ user.notice host app: over TCP$`)
	send(t, p.dial(t, "udp"), "\x1b[2Jgarbage")
	p.stdout.await(t, 0, `^#2 \S+ 127.0.0.1:\d+ unparsed: \\x1b\[2Jgarbage$`)

	records := openStream(t, p.natsURL(t)).read(t, 2)
	assert.Equal(t, c.LocalAddr().String(), records[0].Peer)
	assert.Equal(t, "udp", records[1].Transport)
	assert.Equal(t, "\x1b[2Jgarbage", records[1].Raw)

	send(t, c, lines(numbered(0, 500)))
	accepted(t, c)
	p.kill(interrupt)
	assert.Zero(t, p.exit(t))
	p.stdout.await(t, 0, `^#502 .* line 499$`)
	assertFinishOrder(t, p)
}

func assertFinishOrder(t *testing.T, p *process) {
	t.Helper()
	next := 0
	for _, block := range []string{"syslog", "nats.producer", "nats.tail", "connector", "finisher"} {
		_, next = p.stderr.await(t, next, `msg="block finished" block=`+block+" ")
	}
}

func TestStoreOutlivesTheProcess(t *testing.T) {
	env := embeddedEnv(t)
	for i := range 3 {
		p := start(t, env)
		c := p.dial(t, "tcp")
		send(t, c, lines(numbered(i, i+1)))
		accepted(t, c)
		p.kill(interrupt)
		require.Zero(t, p.exit(t))
	}
	p := start(t, env)
	p.stderr.await(t, 0, "msg=ready")
	assert.Equal(t, numbered(0, 3), messages(openStream(t, p.natsURL(t)).read(t, 3)))
	p.kill(interrupt)
	require.Zero(t, p.exit(t))
}

func TestLogger(t *testing.T) {
	logger := hasLogger(t)
	p := start(t, embeddedEnv(t))
	host, port, err := net.SplitHostPort(p.address(t))
	require.NoError(t, err)
	variants := [][]string{
		{"-T"},
		{"-d"},
		{"-T", "--octet-count"},
		{"-T", "--rfc3164"},
		{"-d", "--rfc3164"},
		{"-T", "--rfc5424=notime,notq,nohost"},
		{"-T", "-i", "-t", "tag", "-p", "local3.warning"},
		{"-T", "--octet-count", "--rfc3164", "-i"},
		{"-T", "--rfc5424", "--msgid", "ID", "--sd-id", "x@1", "--sd-param", `a="b"`},
	}
	var want []string
	for i, args := range variants {
		text := fmt.Sprintf("variant %d", i)
		want = append(want, text)
		out, err := exec.Command(logger, append(args, "-n", host, "-P", port, text)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	p.stderr.await(t, 0, "msg=ready")
	records := openStream(t, p.natsURL(t)).read(t, len(variants))
	assertOnce(t, want, messages(records))
	for _, r := range records {
		assert.NotEqual(t, "unparsed", r.Format)
		assert.False(t, r.Truncated, r.Message)
	}
	p.kill(interrupt)
	require.Zero(t, p.exit(t))
}

func external(server *brokertest.Process) []string { return environ("S2N_NATS_URLS=" + server.URL) }

// What TCP has accepted is in the stream, once, whatever happens to the server meanwhile.
func TestServerKilledInTraffic(t *testing.T) {
	disturbInTraffic(t, nil, func(p *process, server *brokertest.Process, line int) int {
		server.Kill()
		_, line = p.stderr.await(t, line, `msg="not ready`)
		server.Restart(t)
		return line
	})
}

// After this outage the server has forgotten the message ids.
func TestServerAwayForLongerThanTheDuplicatesWindow(t *testing.T) {
	const window = 300 * time.Millisecond
	env := []string{"S2N_NATS_DUPLICATES=" + window.String()}
	p := disturbInTraffic(t, env, func(p *process, server *brokertest.Process, line int) int {
		server.Kill()
		for killed := time.Now(); time.Since(killed) < 2*window; {
			_, line = p.stderr.await(t, line, "connect failed")
		}
		server.Restart(t)
		return line
	})
	p.stderr.await(t, 0, "looked up what is stored")
}

// disturbInTraffic calls disturb, some times, while lines flow. It gets and returns a number of a line of the log.
func disturbInTraffic(t *testing.T, env []string, disturb func(*process, *brokertest.Process, int) int) *process {
	t.Helper()
	const rounds, each, senders = 2, 2000, 3
	server := brokertest.Start(t)
	p := start(t, append(external(server), env...))
	_, line := p.stderr.await(t, 0, "msg=ready")
	var want []string
	for range rounds {
		flowing := openStream(t, server.URL).flow(t)
		sent := make(chan error, senders)
		conns := make([]net.Conn, senders)
		for i := range conns {
			part := numbered(len(want), len(want)+each)
			want = append(want, part...)
			conns[i] = p.dial(t, "tcp")
			go func() {
				_, err := conns[i].Write([]byte(lines(part)))
				sent <- err
			}()
		}
		flowing(each / 10)
		line = disturb(p, server, line)
		_, line = p.stderr.await(t, line, "msg=ready")
		for range conns {
			require.NoError(t, <-sent)
		}
		for _, c := range conns {
			accepted(t, c)
		}
	}
	s := openStream(t, server.URL)
	assertOnce(t, want, messages(s.read(t, len(want))))
	p.kill(interrupt)
	require.Zero(t, p.exit(t))
	assert.Equal(t, len(want), s.count(t))
	return p
}

func TestServerKilledAtFinish(t *testing.T) {
	server := brokertest.Start(t)
	p := start(t, external(server))
	p.stderr.await(t, 0, "msg=ready")
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 5000)))
	accepted(t, c)
	server.Kill()
	p.kill(interrupt)
	p.stderr.await(t, 0, "msg=flushing")
	server.Restart(t)
	require.Zero(t, p.exit(t))
	s := openStream(t, server.URL)
	assertOnce(t, numbered(0, 5000), messages(s.read(t, 5000)))
	assert.Equal(t, 5000, s.count(t))
}

// A sender is held up, and nothing piles up in memory, until the server is there.
func TestServerDownAtStart(t *testing.T) {
	server := brokertest.Reserve(t)
	p := start(t, external(server))
	p.stderr.await(t, 0, `not ready.*connection refused`)
	c := p.dial(t, "tcp")
	var want []string
	text := header + strings.Repeat("x", 10_000)
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
	var rest string
	for {
		line := fmt.Sprintf("%s %d\n", text, len(want))
		want = append(want, strings.TrimPrefix(line[:len(line)-1], header))
		if n, err := c.Write([]byte(line)); err != nil {
			rest = line[n:]
			break
		}
	}
	require.Less(t, len(want)*len(text), 100<<20, "the sender is never held up")
	server.Restart(t)
	require.NoError(t, c.SetWriteDeadline(time.Time{}))
	send(t, c, rest)
	accepted(t, c)
	p.stderr.await(t, 0, "msg=ready")
	assertOnce(t, want, messages(openStream(t, server.URL).read(t, len(want))))
	p.kill(interrupt)
	require.Zero(t, p.exit(t))
}

func TestServerDownAtFinish(t *testing.T) {
	server := brokertest.Reserve(t)
	p := start(t, append(external(server), "S2N_NATS_PRODUCER_FLUSH_TIMEOUT=100ms"))
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 7)))
	accepted(t, c)
	p.kill(interrupt)
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	p.stderr.await(t, 0, `: 7 messages not acknowledged within 100ms`)
}

func TestServerDownAtFinishWithEverythingFull(t *testing.T) {
	server := brokertest.Reserve(t)
	p := start(t, append(external(server), "S2N_NATS_PRODUCER_FLUSH_TIMEOUT=100ms", "S2N_NATS_PRODUCER_MAX_PENDING=10"))
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 900)))
	accepted(t, c) // in the window, on the way, and in the mailbox
	p.kill(interrupt)
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	p.stderr.await(t, 0, `: 900 messages not acknowledged within 100ms`)
}
