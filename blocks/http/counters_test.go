package httpin

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// http is the sink's handle on the block.
func (f *flight) http(t *testing.T) sputnik.BlockCommunicator {
	t.Helper()
	bc, ok := f.self.Communicator(Name)
	require.True(t, ok)
	return bc
}

// ask has the sink send a request to the block.
func (f *flight) ask(t *testing.T, command string) sputnik.Msg {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := sputnik.Request(ctx, f.http(t), sputnik.Msg{KeyCommand: command})
	require.NoError(t, err)
	return answer
}

// wantCounters wants these values, and of each other request counter 0.
func (f *flight) wantCounters(t *testing.T, want map[string]uint64) {
	t.Helper()
	got, ok := f.ask(t, CommandCounters)[KeyCounters].(map[string]uint64)
	require.True(t, ok)
	for name, value := range got {
		if _, wanted := want[name]; wanted || strings.HasPrefix(name, "requests_") {
			assert.Equal(t, want[name], value, name)
		}
	}
	for name := range want {
		assert.Contains(t, got, name)
	}
}

func TestCountersByRequest(t *testing.T) {
	f := fly(t, testConf(), newSink())
	f.wantCounters(t, map[string]uint64{"messages_accepted": 0, "pending_bytes": 0, "connections_open": 0})
	wantAccepted(t, f.post(t, "", `[{"a":1},{"b":2}]`, asJSON), 2)
	wantAccepted(t, f.post(t, "", "x", asText), 1)
	wantProblem(t, f.post(t, "", "{", asJSON), http.StatusBadRequest, "")
	wantProblem(t, f.post(t, "", "x", "Content-Type: image/png"), http.StatusUnsupportedMediaType, "")
	f.wantCounters(t, map[string]uint64{
		"requests_received": 4, "requests_202": 2, "requests_400": 1, "requests_415": 1,
		"messages_accepted": 3, "connections_open": 1, "connections_refused": 0, "connections_failed": 0,
	})

	assert.Contains(t, f.ask(t, "frobnicate")[KeyError], "frobnicate")
	assert.True(t, f.http(t).Send(sputnik.Msg{}), "and what asks for nothing is let pass")
	assert.Contains(t, f.ask(t, CommandCounters), KeyCounters)
}

// What is open, waits and is held now is told while the receiving block is stalled.
func TestCountersUnderPressure(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout, conf.MaxWaiting = patience, 1
	f := fly(t, conf, stalled())
	wantAccepted(t, f.post(t, "", batchOf(capacity), asNDJSON), capacity)
	answers := make(chan reply)
	for range 2 {
		go func() {
			a, err := f.send(http.MethodPost, "", strings.NewReader("four"), asText)
			assert.NoError(t, err)
			answers <- a
		}()
	}
	wantProblem(t, <-answers, http.StatusTooManyRequests, "1 requests wait")
	f.wantCounters(t, map[string]uint64{
		"requests_received": 3, "requests_202": 1, "requests_429": 1, "requests_open": 1, "requests_waiting": 1,
		"messages_accepted": capacity, "pending_bytes": uint64(len("four")),
	})
	close(f.gate)
	wantAccepted(t, <-answers, 1)
	f.wantCounters(t, map[string]uint64{
		"requests_received": 3, "requests_202": 2, "requests_429": 1, "messages_accepted": capacity + 1, "pending_bytes": 0,
	})
}

// The README explains each counter, and there is one of each status in its table of answers.
func TestReadmeExplainsEachCounter(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(text)
	r := newReceiver(discard())
	r.handler, r.server = newHandler(DefaultConf()), new(server)
	all := r.snapshot()
	for name := range all {
		assert.Contains(t, readme, "`"+name+"`")
	}
	_, counters, _ := strings.Cut(readme, "## Counters")
	for _, m := range regexp.MustCompile("`([a-z]+_[a-z0-9_]+)`").FindAllStringSubmatch(counters, -1) {
		if !strings.HasPrefix(m[1], "max_") {
			assert.Contains(t, all, m[1])
		}
	}
	rows := regexp.MustCompile(`(?m)^\| (\d{3}(?:, \d{3})*) \|`).FindAllStringSubmatch(readme, -1)
	assert.NotEmpty(t, rows)
	for _, row := range rows {
		for status := range strings.SplitSeq(row[1], ", ") {
			assert.Contains(t, all, "requests_"+status)
		}
	}
}
