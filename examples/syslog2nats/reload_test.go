package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

// SIGHUP with a broken file changes nothing, with a good one the process goes on with it; no line is lost or stored twice.
func TestReload(t *testing.T) {
	server := brokertest.Start(t)
	folder := t.TempDir()
	conf := filepath.Join(folder, "syslog.yaml")
	configure := func(text string) { require.NoError(t, os.WriteFile(conf, []byte(text), 0o600)) }
	configure("listen: [127.0.0.1:0]")
	p := execute(t, []string{"S2N_NATS_URLS=" + server.URL, "S2N_SYSLOG_DRAIN=50ms"}, "--conf", folder)
	_, line := p.stderr.await(t, 0, "msg=ready")
	address := p.address(t)
	c := p.dial(t, "tcp")
	send(t, c, lines([]string{"first, 0123456789"}))

	configure("max_line: 0\nlistening: 1")
	p.kill(syscall.SIGHUP)
	_, line = p.stderr.await(t, line, "not reloaded, the old configuration goes on")
	assert.Contains(t, p.stderr.String(), "listening")
	send(t, c, lines([]string{"second, 0123456789"}))
	accepted(t, c)

	configure("max_line: 40\nlisten: [" + address + "]")
	p.kill(syscall.SIGHUP)
	_, line = p.stderr.await(t, line, "msg=listening .*tcp="+address)
	p.stderr.await(t, line, `msg=reloaded took=\d`)
	c = p.dial(t, "tcp")
	send(t, c, lines([]string{"third, 0123456789"}))
	accepted(t, c)

	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))
	s := openStream(t, server.URL)
	assert.Equal(t, 3, s.count(t))
	records := s.read(t, 3)
	assert.Equal(t, "first, 0123456789", records[0].Message)
	assert.Equal(t, "second, 0123456789", records[1].Message)
	assert.True(t, records[2].Truncated)
}

// A reload under load: senders that connect again go on, and what was read before is stored.
func TestReloadUnderLoad(t *testing.T) {
	const senders, endless = 4, 1 << 30
	server := brokertest.Start(t)
	p := execute(t, append(external(server), "S2N_SYSLOG_DRAIN=100ms"))
	_, line := p.stderr.await(t, 0, "msg=ready")
	flowing := openStream(t, server.URL).flow(t)
	l := sendLoad(t, p, senders, endless, 0, 10_000)
	flowing(500)
	p.kill(syscall.SIGHUP)
	p.stderr.await(t, line, `msg=reloaded took=\d`)
	l.sending.Wait() // by errors: the connections are closed
	read := p.total(t, "received in all", "lines_tcp")
	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))
	s := openStream(t, server.URL)
	require.Equal(t, read, s.count(t))
	s.tally(t, read).assertNoGaps(t, 1)
}

// The status page answers, has the process reload, and top shows the same.
func TestAdminAndTop(t *testing.T) {
	env := append(embeddedEnv(t), "S2N_ADMIN_LISTEN=127.0.0.1:0")
	p := execute(t, env, "--admin")
	_, line := p.stderr.await(t, 0, "msg=ready")
	url, _ := p.stderr.await(t, 0, `msg=listening block=admin url=(\S+)`)
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 100)))
	accepted(t, c)

	top := execute(t, nil, "top", url[1])
	require.Zero(t, top.exit(t), top.stderr)
	text := top.stdout.String()
	assert.Contains(t, text, "process     running, ready")
	assert.Contains(t, text, "connection  connected for")
	for _, block := range []string{"admin", "nats.embedded", "nats.producer", "syslog"} {
		assert.Regexp(t, `(?m)^`+block+` +running`, text)
	}
	assert.Regexp(t, `(?m)^nats.producer +running +\S+ +\d+/1000 +\d+`, text)

	ask := func(method, path string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(url[1], "/")+path, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Less(t, resp.StatusCode, 300, string(body))
		http.DefaultClient.CloseIdleConnections()
		return string(body)
	}
	assert.Regexp(t, `"lines_tcp": ?100\b`, ask(http.MethodGet, "/status"))
	ask(http.MethodPost, "/reload")
	p.stderr.await(t, line, `msg=reloaded`)
	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))
}
