package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestProbes(t *testing.T) {
	f := fly(t, "", Options{})
	f.Ready()
	for path, want := range map[string]string{"/livez": "live\n", "/readyz": "ready\n", "/startedz": "started\n"} {
		code, text := f.get(t, path)
		assert.Equal(t, http.StatusOK, code, path)
		assert.Equal(t, want, text)
	}
	f.server.Refuse(errors.New("out to lunch"))
	f.server.Break()
	sputniktest.Await(f.Flight, func(e sputnik.ConnectFailed) bool { return true })
	code, text := f.get(t, "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Regexp(t, `^not ready: no connection to the server.*out to lunch\n$`, text)
	code, _ = f.get(t, "/livez")
	assert.Equal(t, http.StatusOK, code, "the server's absence is no reason to be restarted")
	code, _ = f.get(t, "/startedz")
	assert.Equal(t, http.StatusOK, code)
}

// The block is listed first, so it tells of the finish of the others.
func TestProbesDuringTheFinish(t *testing.T) {
	f := fly(t, "", Options{})
	f.Ready()
	require.True(t, f.Send("worker", sputnik.Msg{"wait": true}))
	f.ShootDown()
	sputniktest.Await(f.Flight, func(e sputnik.BlockFinishing) bool { return e.Block.Responsibility == "worker" })
	code, text := f.get(t, "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Equal(t, "not ready: stopping: shoot-down\n", text)
	for _, path := range []string{"/livez", "/startedz"} {
		code, text = f.get(t, path)
		assert.Equal(t, http.StatusOK, code, text)
	}
	code, text = f.request(t, http.MethodPost, "/stop", "")
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, text, stopping)
	f.worker.block <- true
	require.NoError(t, f.Wait())
}

func TestStatusHasTheDocumentedNames(t *testing.T) {
	f := fly(t, "counters: [worker]", Options{Level: new(slog.LevelVar)})
	f.Ready()
	f.listen(t).until("connected")
	f.worker.counters <- map[string]uint64{"sent": 7}
	f.worker.counters <- map[string]uint64{"sent": 8}
	s := f.state(t)
	assert.Equal(t, 1, s.Version)
	assert.Equal(t, sputnik.StateRunning, s.Process.State)
	assert.True(t, s.Process.Live && s.Process.Ready && s.Process.StartupDone)
	assert.Empty(t, s.Process.Reason)
	assert.Equal(t, sputnik.StateConnected, s.Connection.State)
	assert.Equal(t, Actions{Reload: noReload}, s.Actions)
	assert.Equal(t, "info", s.LogLevel)
	assert.False(t, s.Session)
	var names []string
	for i, b := range s.Blocks {
		names = append(names, b.Responsibility)
		assert.Equal(t, i+1, b.Position)
	}
	assert.Equal(t, []string{"finisher", "connector", Name, "worker"}, names[:4])
	worker := s.Blocks[3]
	assert.Equal(t, map[string]uint64{"sent": 7}, worker.Counters)
	assert.Equal(t, 100, worker.Mailbox.Capacity)
	assert.EqualValues(t, 1, worker.Mailbox.Accepted)

	// README.md has an example with every field; here is every field that it has.
	var got, documented map[string]any
	_, text := f.get(t, "/status")
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.NoError(t, json.Unmarshal([]byte(readmeExample(t)), &documented))
	assert.Equal(t, shape(documented), shape(got))
}

func TestStatusOfTrouble(t *testing.T) {
	f := fly(t, "", Options{})
	f.Ready()
	f.Send("worker", sputnik.Msg{"fail": true})
	f.secondInstance()
	s := f.state(t)
	assert.Equal(t, 1, s.Blocks[3].Restarts)
	assert.Contains(t, s.Blocks[3].LastError, errBroken.Error(), "as it is: no HTML escapes")
	assert.Nil(t, s.Blocks[3].Counters)
}

func TestMetrics(t *testing.T) {
	f := fly(t, "counters: [worker, nobody]", Options{})
	f.Ready()
	f.listen(t).until("process_running")
	for range 2 {
		f.worker.counters <- map[string]uint64{"sent": 7, "odd\xff": 1}
	}
	f.get(t, "/nowhere")
	f.get(t, "/readyz", "Host", "evil.example")
	code, text := f.get(t, "/metrics")
	require.Equal(t, http.StatusOK, code)
	for _, line := range []string{
		`sputnik_live 1`, `sputnik_ready 1`, `sputnik_startup_done 1`, `sputnik_wait_cycles 0`, `sputnik_admin_streams 1`,
		`sputnik_process_state{state="running"} 1`, `sputnik_process_state{state="finishing"} 0`,
		`sputnik_connection_state{state="connected"} 1`, `sputnik_connection_attempt 0`,
		`sputnik_connection_attempts_total 1`, `sputnik_connection_losses_total 0`,
		`sputnik_block_state{block="worker",name="worker",state="running"} 1`,
		`sputnik_block_state{block="worker",name="worker",state="failed"} 0`,
		`sputnik_block_restarts_total{block="worker",name="worker"} 0`, `sputnik_block_stalled{block="worker",name="worker"} 0`,
		`sputnik_mailbox_depth{block="worker",name="worker"} 0`, `sputnik_mailbox_high_water{block="worker",name="worker"} 1`,
		`sputnik_mailbox_capacity{block="worker",name="worker"} 100`,
		`sputnik_messages_accepted_total{block="worker",name="worker"} 1`, `sputnik_messages_handled_total{block="worker",name="worker"} 1`,
		`sputnik_messages_rejected_total{block="worker",name="worker"} 0`, `sputnik_messages_dead_total{block="worker",name="worker"} 0`,
		`sputnik_block_counter{block="worker",counter="sent"} 7`, `sputnik_block_counter{block="worker",counter="odd?"} 1`,
		`sputnik_block_counters_up{block="worker"} 1`, `sputnik_block_counters_up{block="nobody"} 0`,
		`sputnik_admin_requests_refused_total{reason="host"} 1`, `sputnik_admin_requests_refused_total{reason="wrong_token"} 0`,
	} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
	for _, name := range []string{"sputnik_start_time_seconds", `sputnik_events_total{level="info"}`, "go_goroutines", "process_start_time_seconds"} {
		assert.Contains(t, text, "\n"+name+" ")
	}
	problems, err := testutil.GatherAndLint(f.metrics.registry)
	require.NoError(t, err)
	assert.Empty(t, problems, "Prometheus' own rules for names")
	readme := readme(t)
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "# TYPE sputnik_"); ok {
			name, _, _ = strings.Cut(name, " ")
			if !strings.Contains(readme, "`sputnik_"+name) {
				t.Errorf("README.md has no sputnik_%s", name)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	f := fly(t, "", Options{})
	f.Ready()
	stream := f.listen(t)
	stream.until("process_running")
	f.Send("worker", sputnik.Msg{"fail": true})
	e := stream.until("block_failed")
	assert.Equal(t, "worker", e.Block)
	assert.Equal(t, "error", e.Level)
	assert.Contains(t, e.Attributes["error"], errBroken.Error())
	assert.WithinDuration(t, time.Now(), e.Time, patience)
	f.secondInstance()
	f.server.Down()
	last := stream.until("connection_lost")

	code, text := f.get(t, "/events", "Accept", "application/json")
	require.Equal(t, http.StatusOK, code)
	var list EventList
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	assert.Zero(t, list.Missed)
	assert.Equal(t, list.Last, list.Events[len(list.Events)-1].ID)

	again := f.listen(t, "Last-Event-ID", e.ID)
	assert.Equal(t, number(t, f.journal, e.ID)+1, number(t, f.journal, first(again).ID), "a client goes on where it was")
	other := f.listen(t, "Last-Event-ID", "of another process-3")
	assert.EqualValues(t, 1, number(t, f.journal, first(other).ID))
	_, text = f.get(t, "/events?after="+last.ID, "Accept", "application/json")
	assert.NotContains(t, text, `"id":"`+last.ID+`"`)
}

func TestLogLevel(t *testing.T) {
	level := new(slog.LevelVar)
	f := fly(t, "", Options{Level: level})
	for _, body := range []string{`{"level": "debug"}`, "debug", " DEBUG\n"} {
		level.Set(slog.LevelInfo)
		code, text := f.request(t, http.MethodPut, "/loglevel", body)
		assert.Equal(t, http.StatusOK, code)
		assert.JSONEq(t, `{"level": "debug"}`, text)
		assert.Equal(t, slog.LevelDebug, level.Level())
	}
	for _, body := range []string{"", "loud", `{"level": 3}`, `{"level"`, "info" + strings.Repeat(" ", maxBody)} {
		code, text := f.request(t, http.MethodPut, "/loglevel", body)
		assert.Equal(t, http.StatusBadRequest, code, body)
		assert.Contains(t, text, `"reason":"bad_request"`)
	}
	assert.Equal(t, slog.LevelDebug, level.Level())
	level.Set(slog.LevelWarn + 1)
	_, text := f.get(t, "/loglevel")
	assert.JSONEq(t, `{"level": "warn+1"}`, text)
}

func TestWhatTheProgramDoesntOffer(t *testing.T) {
	f := fly(t, "", Options{})
	for _, r := range [][2]string{{http.MethodGet, "/loglevel"}, {http.MethodPut, "/loglevel"}, {http.MethodPost, "/reload"}} {
		code, text := f.request(t, r[0], r[1], "debug")
		assert.Equal(t, http.StatusNotImplemented, code)
		assert.Regexp(t, `"error":"this program .+","reason":"unavailable"`, text)
	}
	code, _ := f.get(t, "/stop")
	assert.Equal(t, http.StatusMethodNotAllowed, code)
	code, _ = f.get(t, "/nowhere")
	assert.Equal(t, http.StatusNotFound, code)
}

func TestReload(t *testing.T) {
	begin, end := make(chan bool), make(chan error)
	f := fly(t, "", Options{Reload: func(context.Context) error { begin <- true; return <-end }})
	ask := func() <-chan string { return f.background(http.MethodPost, "/reload") }
	result := ask()
	<-begin
	code, text := f.request(t, http.MethodPost, "/reload", "")
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, text, "a reload is in progress")
	end <- nil
	assert.Contains(t, <-result, "OK ")
	result = ask()
	<-begin
	end <- errors.New(`key "max_conn": want an integer`)
	assert.Contains(t, <-result, `Unprocessable Entity {"error":"key \"max_conn\": want an integer"`)
}

func TestStop(t *testing.T) {
	f := fly(t, "", Options{})
	code, text := f.request(t, http.MethodPost, "/stop", "")
	assert.Equal(t, http.StatusAccepted, code, text)
	require.NoError(t, f.Wait())
	var cause *sputnik.FinishRequestError
	require.ErrorAs(t, f.Status().Cause, &cause)
	assert.Equal(t, Name, cause.By.Responsibility)
}

// reload is the cause of a flight that ends for another one.
type reload struct{}

func (reload) Error() string   { return "reload" }
func (reload) Reloading() bool { return true }

// Whoever is told that the process stops can rely on it, also where a reload is in progress; or is told that it doesn't.
func TestStopDuringAReload(t *testing.T) {
	asked := 0
	for _, c := range []struct {
		last func()
		code int
		text string
	}{
		{nil, http.StatusConflict, "a reload is in progress"},
		{func() { asked++ }, http.StatusAccepted, "the process stops"},
	} {
		ctx, end := context.WithCancelCause(t.Context())
		f := fly(t, "", Options{Reload: func(context.Context) error { return nil }, Last: c.last},
			sputnik.WithContext(ctx))
		f.Send("worker", sputnik.Msg{"wait": true})
		end(reload{})
		sputniktest.Await(f.Flight, func(sputnik.ProcessFinishing) bool { return true })
		code, text := f.request(t, http.MethodPost, "/stop", "")
		assert.Equal(t, c.code, code)
		assert.Contains(t, text, c.text)
		code, text = f.request(t, http.MethodPost, "/reload", "")
		assert.Equal(t, http.StatusConflict, code)
		assert.Contains(t, text, "a reload is in progress")
		f.worker.block <- true
		require.NoError(t, f.Wait())
	}
	assert.Equal(t, 1, asked)
}

func TestPage(t *testing.T) {
	f := fly(t, "", Options{})
	resp := f.do(t, http.MethodGet, "/", "")
	defer resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	policy := resp.Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, 2, strings.Count(policy, "'sha256-"), "one style and one script")
	assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
	for _, page := range []string{livePage, loginPage} {
		assert.NotContains(t, page, "innerHTML")
		assert.NotRegexp(t, `\s(on[a-z]+|style)="`, page, "the policy would refuse it")
		assert.NotRegexp(t, `(src|href)="https?:`, page, "nothing from outside")
	}
}
