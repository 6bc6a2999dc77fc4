package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/examples/cli"
)

const answer = `{
  "version": 1, "time": "2026-11-20T14:03:07.213905315Z",
  "program": "toy", "pid": 4711, "host": "edge-7", "go": "go1.26.8",
  "process": {"state": "running", "uptime": 187.313, "live": true, "ready": false, "reason": "no connection to the server"},
  "connection": {"state": "disconnected", "for": 6.113, "attempt": 3, "next_try": "2026-11-20T14:03:08.4Z", "last_error": "dial tcp 127.0.0.1:4222: connection refused", "losses": 1},
  "blocks": [
    {"name": "nats.producer", "responsibility": "nats.producer", "state": "running", "for": 187.113,
     "mailbox": {"depth": 12, "high_water": 128, "capacity": 1024, "accepted": 90210, "handled": 90198, "rejected": 0, "dead": 0},
     "restarts": 1, "last_error": "block \"nats.producer\": OnMsg: panic: \u001b[31mred", "stalled": "", "waits_for": ""},
    {"name": "syslog", "responsibility": "second", "state": "restarting", "for": 1.5, "mailbox": {"depth": 0, "capacity": 0, "handled": 0}, "stalled": "OnMsg", "waits_for": ""}
  ],
  "wait_cycles": [["a", "b"]]
}`

// serve answers with what next returns.
func serve(t *testing.T, next func() (int, string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, text := http.StatusNotFound, "nothing here\nat all"
		if r.URL.Path == "/status" && r.Header.Get("Authorization") == "" {
			code, text = next()
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestTopPrintsOnceWhereItIsNoTerminal(t *testing.T) {
	url := serve(t, func() (int, string) { return http.StatusOK, answer })
	stdout, stderr, code := call(t, nil, "top", url)
	require.Zero(t, code, stderr)
	assert.NotContains(t, stdout, "\x1b")
	for _, want := range []string{
		`toy  pid 4711  edge-7  up 3m7s  \d\d:\d\d:\d\d`,
		`process     running, not ready: no connection to the server`,
		`connection  disconnected for 6.1s, attempt 3 in 1.2s, lost 1 times`,
		`            dial tcp 127.0.0.1:4222: connection refused`,
		`circle      each waits for the next: a, b`,
		`nats.producer +running +3m7s +12/1024 +90198 +482 +1`,
		`  block "nats.producer": OnMsg: panic:  \[31mred`,
		`second \(syslog\) +restarting +1.5s +0 +0 +0 +0 +stalled in OnMsg`,
	} {
		assert.Regexp(t, "(?m)^"+want+"$", stdout)
	}
}

// What another version of admin answers is shown as far as it can be read.
func TestTopIsTolerant(t *testing.T) {
	for _, text := range []string{`{}`, `{"blocks": [{}], "connection": {}, "process": {"uptime": "long"}, "time": 5, "wait_cycles": {}, "more": 1}`, `{"blocks":null,"connection":null}`} {
		url := serve(t, func() (int, string) { return http.StatusOK, text })
		stdout, stderr, code := call(t, nil, "top", url)
		assert.Zero(t, code, stderr)
		assert.Contains(t, stdout, "BLOCK")
	}
}

func TestTopFaults(t *testing.T) {
	refused := serve(t, func() (int, string) { return http.StatusUnauthorized, "no token\nmore" })
	asJSON := serve(t, func() (int, string) { return http.StatusForbidden, `{"error":"not you","reason":"x"}` })
	garbage := serve(t, func() (int, string) { return http.StatusOK, "<html>" })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for url, want := range map[string]string{
		refused:                                 "401 Unauthorized: no token; top takes the token that is configured for admin (--conf, or a variable)",
		asJSON:                                  "403 Forbidden: not you\n",
		garbage:                                 "not a status",
		gone.URL:                                "connection refused: does the process run, with the block admin at this address?",
		strings.TrimPrefix(gone.URL, "http://"): gone.URL + "/status: dial tcp ",
	} {
		stdout, stderr, code := call(t, nil, "top", url)
		assert.Equal(t, cli.ExitFailure, code)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
	}
	for _, args := range [][]string{{"top"}, {"top", "127.0.0.1:x"}, {"top", "ftp://x"}, {"top", gone.URL, "--ca=none"}, {"top", "--every=x"}} {
		_, stderr, code := call(t, nil, args...)
		assert.Equal(t, cli.ExitUsage, code, args)
		assert.NotEmpty(t, stderr)
	}
}

// adminConf is what top reads of the configuration of the block admin.
type adminConf struct {
	Listen  string `koanf:"listen"`
	Token   string `koanf:"token"`
	TLSCert string `koanf:"tls_cert"`
}

func TestTopAsksWhoIsConfigured(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	cert := filepath.Join(t.TempDir(), "cert.pem")
	put(t, cert, pemOf(server.Certificate()))

	p := newToy().program()
	p.Blocks = append(p.Blocks, cli.Block{Section: cli.Section{Name: "admin", Default: adminConf{}}})
	var stdout, stderr strings.Builder
	env := []string{"TOY_ADMIN_LISTEN=:" + port, "TOY_ADMIN_TOKEN=secret", "TOY_ADMIN_TLS_CERT=" + cert}
	code := p.Run(cli.Invocation{Args: []string{"top"}, Environ: env, Stdout: &stdout, Stderr: &stderr, Signals: make(chan os.Signal)})
	require.Zero(t, code, stderr.String())
	assert.Contains(t, stdout.String(), "pid 4711")

	for _, args := range [][]string{{"top"}, {"top", server.URL}} { // that can't be read: not as if there were none
		stderr.Reset()
		env[1] = "TOY_ADMIN_TOKEN_FILE=/none"
		code = p.Run(cli.Invocation{Args: args, Environ: env, Stdout: &stdout, Stderr: &stderr, Signals: make(chan os.Signal)})
		assert.Equal(t, cli.ExitUsage, code)
		assert.Contains(t, stderr.String(), "TOY_ADMIN_TOKEN_FILE")
	}
}

// many is a status of so many blocks, which have handled so much.
func many(blocks int, handled, uptime float64) string {
	var all []map[string]any
	for i := range blocks {
		all = append(all, map[string]any{
			"name": fmt.Sprintf("block-with-a-long-name-%d", i), "responsibility": fmt.Sprintf("r%d", i), "state": "running",
			"for": uptime, "mailbox": map[string]any{"handled": handled}, "last_error": strings.Repeat("é", 500),
		})
	}
	text, err := json.Marshal(map[string]any{"program": "toy", "process": map[string]any{"state": "running", "ready": true, "uptime": uptime}, "blocks": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestTopFitsTheTerminal(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, func() (int, string) {
		switch n := float64(asked.Add(1)); n {
		case 3:
			return http.StatusInternalServerError, "for a moment"
		default:
			return http.StatusOK, many(50, 1000*n, n)
		}
	})
	signals := make(chan os.Signal, 1)
	screen := newScreen(t, 80, 24)
	code := make(chan int, 1)
	env := []string{"TERM=xterm"}
	go func() {
		code <- newToy().program().Run(cli.Invocation{Args: []string{"top", "--every=100ms", url}, Environ: env, Stdout: screen.tty, Stderr: io.Discard, Signals: signals})
	}()
	frames := screen.frames(t, 5)
	signals <- os.Interrupt
	select {
	case c := <-code:
		assert.Zero(t, c)
	case <-time.After(patience):
		require.Fail(t, "does not end")
	}
	assert.Contains(t, frames[2], "no answer: ")
	assert.Contains(t, strings.Join(strings.Fields(plain(frames[2])), " "), "for a moment")
	for _, frame := range frames {
		lines := strings.Split(strings.TrimRight(plain(frame), "\r\n"), "\r\n")
		assert.LessOrEqual(t, len(lines), 23)
		for _, line := range lines {
			assert.LessOrEqual(t, len([]rune(line)), 80, line)
		}
	}
	assert.Contains(t, frames[0], "\x1b[32mprocess     running, ready")
	assert.Contains(t, frames[1], "more lines")
	assert.Regexp(t, `r0 \(block-with-a-long-n… +running +2s +0 +2000 +1000 `, plain(frames[1]))
	assert.True(t, strings.HasSuffix(screen.rest(t), "\x1b[?25h\x1b[?1049l"), "the terminal is left as it was")
}

func TestTopWithoutColour(t *testing.T) {
	url := serve(t, func() (int, string) { return http.StatusOK, answer })
	signals := make(chan os.Signal, 1)
	screen := newScreen(t, 40, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		newToy().program().Run(cli.Invocation{Args: []string{"top", url}, Environ: []string{"TERM=xterm", "NO_COLOR=1"}, Stdout: screen.tty, Stderr: io.Discard, Signals: signals})
	}()
	frame := screen.frames(t, 1)[0]
	signals <- os.Interrupt
	<-done
	assert.NotContains(t, frame, "m\x1b[K") // the end of a colour
	assert.NotContains(t, frame, "\x1b[1m")
	screen.rest(t)
}
