package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

const patience = 30 * time.Second // a test that waits longer has failed

// flight is a process of the block under test, listed first, a worker behind it, and a server to connect to.
type flight struct {
	*admin
	*sputniktest.Flight
	server *sputniktest.Server
	worker *worker
	log    *lines
	url    string
	client *http.Client
}

// fly launches a process; yaml is the configuration of the block beside an address.
func fly(t *testing.T, yaml string, opts Options, extra ...sputnik.SputnikOption) *flight {
	t.Helper()
	f := &flight{server: sputniktest.NewServer(t), log: new(lines), client: &http.Client{Transport: &http.Transport{}}}
	f.worker = newWorker()
	f.admin = newAdmin(slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), f.log), nil)), opts)
	if !strings.Contains(yaml, "listen:") {
		yaml += "\nlisten: 127.0.0.1:0"
	}
	f.Flight = sputniktest.New(t, append([]sputnik.SputnikOption{
		sputnik.WithConfFactory(sputniktest.Conf(t, map[string]string{Name: yaml})),
		sputnik.WithConnector(f.server, 10*time.Millisecond), sputnik.WithBackoffCap(10 * time.Millisecond),
		sputnik.WithFinishTimeout(10 * time.Second),
	}, extra...)...)
	f.Add(Name, func() *sputnik.Block { return sputnik.BlockOf(f.admin, sputnik.WithBlockFinishTimeout(finishTimeout)) })
	f.Add("worker", f.worker.factory)
	t.Cleanup(f.client.CloseIdleConnections)
	f.Launch()
	f.url = "http://" + f.listener.Addr().String()
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return f
}

// secondInstance waits until the worker that failed runs again.
func (f *flight) secondInstance() {
	instance := 0
	sputniktest.Await(f.Flight, func(e sputnik.BlockRunning) bool {
		if e.Block.Responsibility == "worker" {
			instance++
		}
		return instance == 2
	})
}

// request sends a request with headers, given in pairs, and returns status and body.
func (f *flight) request(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	resp := f.do(t, method, path, body, headers...)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// do leaves the body open. The header "Host" sets the request's host.
func (f *flight) do(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := f.client.Do(r) //nolint:bodyclose // the caller's
	require.NoError(t, err)
	return resp
}

// background sends a request, and its status and body, or the error, to the channel.
func (f *flight) background(method, path string) <-chan string {
	result := make(chan string, 1)
	go func() {
		r, err := http.NewRequest(method, f.url+path, http.NoBody)
		if err != nil {
			result <- err.Error()
			return
		}
		resp, err := f.client.Do(r)
		if err != nil {
			result <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		result <- fmt.Sprint(http.StatusText(resp.StatusCode), " ", string(text), err)
	}()
	return result
}

func (f *flight) get(t *testing.T, path string, headers ...string) (int, string) {
	t.Helper()
	return f.request(t, http.MethodGet, path, "", headers...)
}

// state asks for /status.
func (f *flight) state(t *testing.T, headers ...string) Status {
	t.Helper()
	code, text := f.get(t, "/status", headers...)
	require.Equal(t, http.StatusOK, code, text)
	var s Status
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&s))
	return s
}

// follower reads a stream of events.
type follower struct {
	t       *testing.T
	resp    *http.Response
	scanner *bufio.Scanner
}

func (f *flight) listen(t *testing.T, headers ...string) *follower {
	t.Helper()
	resp := f.do(t, http.MethodGet, "/events", "", headers...)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	scanner := bufio.NewScanner(resp.Body)
	scanner.Buffer(nil, 1<<20)
	return &follower{t, resp, scanner}
}

// until reads to the first event of a kind, and returns it. "missed" is the kind of that marker.
func (s *follower) until(kind string) Entry {
	s.t.Helper()
	name := ""
	for s.scanner.Scan() {
		if rest, ok := strings.CutPrefix(s.scanner.Text(), "event: "); ok {
			name = rest
		}
		data, ok := strings.CutPrefix(s.scanner.Text(), "data: ")
		if !ok {
			continue
		}
		var e Entry
		require.NoError(s.t, json.Unmarshal([]byte(data), &e))
		if e.Kind == kind || name == kind {
			if e.Kind == "" {
				e.Text = data
			}
			return e
		}
		name = ""
	}
	require.Fail(s.t, "the stream ended before "+kind, "%v", s.scanner.Err())
	return Entry{}
}

// worker is a block that fails, answers for its counters, and holds on to a message, when told.
type worker struct {
	counters chan map[string]uint64 // nil: no answer
	block    chan bool              // taken from by a message {"wait": ...}
}

func newWorker() *worker {
	return &worker{counters: make(chan map[string]uint64, 1000), block: make(chan bool)}
}

var errBroken = errors.New("broken <b>on purpose</b>")

func (w *worker) factory() *sputnik.Block {
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
		sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure, Max: 100, Window: time.Hour, Backoff: time.Millisecond, BackoffCap: time.Millisecond}),
		sputnik.WithMailbox(100, sputnik.Reject),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			switch {
			case msg["wait"] != nil:
				<-w.block
			case msg["fail"] != nil:
				panic(errBroken)
			case msg[KeyCommand] == CommandCounters:
				if c := <-w.counters; c != nil {
					if err := sputnik.Reply(msg, sputnik.Msg{KeyCounters: c}); err != nil && !errors.Is(err, sputnik.ErrAskerGone) {
						panic(err)
					}
				}
			}
		}))
}

// lines is what was logged.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // made by who waits, closed by the next line
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.text.Write(p)
}

// await waits until a text was logged.
func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		if strings.Contains(l.text.String(), text) {
			l.mu.Unlock()
			return
		}
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-late:
			require.Fail(t, "not logged", "%s", text)
		}
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
