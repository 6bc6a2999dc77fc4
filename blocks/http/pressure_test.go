package httpin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/internal/testkit"
)

// capacity is what a stalled sink takes: what waits in its mailbox, and the message in OnMsg.
const capacity = sinkMailbox + 1

func stalled() *sink {
	s := newSink()
	s.gate = make(chan bool)
	return s
}

func batchOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i)
	}
	return b.String()
}

// A stalled sink makes requests wait, then refuses them, and never takes more than it has room for.
func TestStalledSink(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout, conf.RetryAfter = 50*time.Millisecond, 1500*time.Millisecond
	f := fly(t, conf, stalled())
	a := f.post(t, "", batchOf(capacity+5), asNDJSON)
	wantProblem(t, a, 429, `block "sink" did not take the messages within 50ms`)
	assert.Equal(t, "2", a.header.Get("Retry-After"), "whole seconds")
	assert.Equal(t, capacity, a.Accepted)
	assert.Equal(t, capacity, *a.ResendFrom)
	assert.Equal(t, capacity, *a.InDoubt, "this one is in Send")
	assert.Contains(t, a.Remedy, "from index 11 on")
	assert.Contains(t, a.Remedy, "may then be stored twice")

	a = f.post(t, "", "another", asText)
	wantProblem(t, a, 429, "within 50ms")
	assert.Zero(t, a.Accepted)
	assert.Nil(t, a.InDoubt, "it waited for its turn, and was called off")
	a = f.post(t, "", batchOf(2), asNDJSON, "Idempotency-Key: k")
	wantProblem(t, a, 429, "within 50ms")
	assert.Contains(t, a.Remedy, "the whole of it under the same Idempotency-Key")

	close(f.gate)
	wantAccepted(t, f.post(t, "", "again", asText), 1)
	require.NoError(t, f.finish())
	for i := range capacity + 1 { // with the one in doubt
		f.nextData(t, fmt.Sprintf(`{"n":%d}`, i))
	}
	f.nextData(t, "again")
	assert.Empty(t, f.got)
}

// Requests that wait get their turn as soon as there is room.
func TestPressureThatEnds(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout = patience
	f := fly(t, conf, stalled())
	const requests, each = 20, 5
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			a, err := f.send(http.MethodPost, "", strings.NewReader(batchOf(each)), asNDJSON)
			if assert.NoError(t, err) {
				wantAccepted(t, a, each)
			}
		})
	}
	for range requests * each {
		f.gate <- true
	}
	all.Wait()
	require.NoError(t, f.finish())
	assert.Len(t, f.got, requests*each)
}

func TestOneTooManyWaits(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout, conf.MaxWaiting = patience, 3
	f := fly(t, conf, stalled())
	wantAccepted(t, f.post(t, "", batchOf(capacity), asNDJSON), capacity)
	answers := make(chan reply, conf.MaxWaiting+1)
	for range conf.MaxWaiting + 1 {
		go func() {
			a, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
			assert.NoError(t, err)
			answers <- a
		}()
	}
	wantProblem(t, <-answers, 429, "3 requests wait")
	close(f.gate)
	for range conf.MaxWaiting {
		wantAccepted(t, <-answers, 1)
	}
}

func TestFullMailboxThatRejects(t *testing.T) {
	s := stalled()
	s.overflow = sputnik.Reject
	f := fly(t, testConf(), s)
	a := f.post(t, "", batchOf(capacity+1), asNDJSON)
	wantProblem(t, a, 429, `mailbox of block "sink" is full`)
	assert.Contains(t, []int{capacity, capacity - 1}, a.Accepted, "OnMsg may not have taken one")
	assert.Nil(t, a.InDoubt)
	close(f.gate)
}

func TestBodiesAreBoundedTogether(t *testing.T) {
	conf := testConf()
	conf.MaxBody, conf.MaxMessage, conf.MaxPendingBytes = 10_000, 10_000, 10_000
	f := fly(t, conf, newSink())
	require.True(t, f.handler.budget.take(9999)) // as another request does
	wantProblem(t, f.post(t, "", "yy", asText), 429, "max_pending_bytes")
	f.handler.budget.held.Add(-9999)
	full := strings.Repeat("x", 10_000)
	for range 3 { // what they take they give back
		wantAccepted(t, f.post(t, "", full, asText), 1)
		chunked, err := f.send(http.MethodPost, "", struct{ io.Reader }{strings.NewReader(full)}, asText)
		require.NoError(t, err)
		wantAccepted(t, chunked, 1)
	}
	assert.Zero(t, f.handler.budget.held.Load())
}

// A receiving block that keeps a message keeps no more memory than that.
func TestMessageTakesNoMoreMemoryThanItNeeds(t *testing.T) {
	f := fly(t, testConf(), newSink())
	for _, size := range []int{1, 100, 5000, 100_000} {
		wantAccepted(t, f.post(t, "", strings.Repeat("x", size), asText), 1)
		data := f.next(t)[KeyData].([]byte)
		assert.Len(t, data, size)
		assert.Equal(t, size+1, cap(data))
	}
}

var errTooLarge = errors.New("too large for the stream")

func TestStored(t *testing.T) {
	s := storingSink(func(text string) error {
		switch text {
		case "large":
			return errTooLarge
		case "never":
			return errNever
		}
		return nil
	})
	conf := testConf()
	conf.StoredTimeout = 100 * time.Millisecond
	f := fly(t, conf, s)

	a := f.post(t, "?lines=1", "one\ntwo", asText, "Prefer: respond-async, Wait=20")
	wantAccepted(t, a, 2)
	assert.Equal(t, 2, *a.Stored)
	assert.Equal(t, "wait", a.header.Get("Preference-Applied"))
	a = f.post(t, "?lines=1", "one\ntwo", asText)
	wantAccepted(t, a, 2)
	assert.Nil(t, a.Stored, "nobody asked for it")

	a = f.post(t, "?lines=1", "one\nlarge\nthree\nlarge", asText, "Prefer: wait")
	wantProblem(t, a, 502, `block "sink" has given up 2 messages`)
	assert.Equal(t, 4, a.Accepted)
	assert.Equal(t, 2, *a.Stored)
	assert.Equal(t, []givenUp{{1, errTooLarge.Error()}, {3, errTooLarge.Error()}}, a.GivenUp)
	assert.Nil(t, a.ResendFrom)

	a = f.post(t, "?lines=1", "one\nnever\nthree", asText, "Prefer: wait")
	wantProblem(t, a, 504, "not stored 1 of them within 100ms")
	assert.Equal(t, 3, a.Accepted)
	assert.Equal(t, 2, *a.Stored)
	assert.Equal(t, 1, *a.ResendFrom)
	assert.Contains(t, a.Remedy, "from index 1 on")
	wantProblem(t, f.post(t, "", "never", asText, "Prefer: wait=0"), 504, "within 0s")
}

func TestStoredByConfiguration(t *testing.T) {
	conf := testConf()
	conf.Wait = WaitStored
	f := fly(t, conf, storingSink(func(string) error { return nil }))
	a := f.post(t, "", "x", asText)
	wantAccepted(t, a, 1)
	assert.Equal(t, 1, *a.Stored)
	assert.Empty(t, a.header.Get("Preference-Applied"))
}

func TestReceiptCountsEachMessageOnce(t *testing.T) {
	r := newReceipt(2)
	r.done(0)(nil)
	r.done(0)(errTooLarge)
	o := &outcome{Accepted: 2}
	open, lost := r.fill(o)
	assert.Equal(t, []int{1, 0, 1, 1}, []int{open, lost, *o.Stored, *o.ResendFrom})
	r.done(1)(nil)
	assert.Equal(t, taken, r.wait(t.Context(), patience, nil))
}

// A connection that sends its header or its body byte by byte, or nothing, is ended, and harms nobody.
func TestSlowClients(t *testing.T) {
	const short = 60 * time.Millisecond
	for name, c := range map[string]struct {
		header, read, idle time.Duration
		sent, answer       string
		silent             bool
	}{
		"in the header": {short, 2 * patience, 2 * patience, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Slow: ", "", false},
		"in the body": {
			2 * patience, short, 2 * patience,
			"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n",
			"within 60ms (read_timeout)", false,
		},
		"from the beginning":      {short, 2 * patience, 2 * patience, "", "", true},
		"after the first request": {2 * patience, 2 * patience, short, "GET /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n", "only for POST", true},
	} {
		t.Run(name, func(t *testing.T) {
			conf := testConf()
			conf.HeaderTimeout, conf.ReadTimeout, conf.IdleTimeout = c.header, c.read, c.idle
			f := fly(t, conf, newSink())
			assert.Contains(t, f.untilClosed(t, c.sent, c.silent), c.answer)
			wantAccepted(t, f.post(t, "", "x", asText), 1)
			require.NoError(t, f.finish())
			f.nextData(t, "x")
			assert.Empty(t, f.got)
		})
	}
}

// untilClosed sends, and then drips unless silent, until the server closes the connection. It returns what the server said.
func (f *flight) untilClosed(t *testing.T, sent string, silent bool) string {
	t.Helper()
	c, err := net.Dial("tcp", f.address())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(sent))
	require.NoError(t, err)
	stop := make(chan struct{})
	var drip sync.WaitGroup
	drip.Go(func() {
		for !silent {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				_, _ = c.Write([]byte("x")) // until the server has had enough
			}
		}
	})
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(c)
	close(stop)
	drip.Wait()
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection was not closed")
	return string(answer)
}

// The time that a request may take to arrive doesn't count while it waits.
func TestWaitingMayTakeLongerThanReading(t *testing.T) {
	conf := testConf()
	conf.ReadTimeout = 50 * time.Millisecond
	s := stalled()
	f := fly(t, conf, s)
	wantAccepted(t, f.post(t, "", batchOf(capacity), asNDJSON), capacity)
	time.AfterFunc(3*conf.ReadTimeout, func() { close(s.gate) })
	wantAccepted(t, f.post(t, "", "x", asText), 1)
}

func TestConnectionsOverTheLimitAreClosed(t *testing.T) {
	conf := testConf()
	conf.MaxConn = 1
	f := fly(t, conf, newSink())
	wantAccepted(t, f.post(t, "", "x", asText), 1) // and the connection stays
	c, err := net.Dial("tcp", f.address())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	timeout, ok := errors.AsType[net.Error](err)
	assert.False(t, ok && timeout.Timeout())
	assert.EqualValues(t, 1, f.handler.count.conns.Load())
	wantAccepted(t, f.post(t, "", "x", asText), 1)

	server, client := net.Pipe()
	defer server.Close()
	defer client.Close()
	s := newServer(conf, nil, nil, nil, new(counters))
	assert.True(t, s.listener.admit())
	s.track(server, http.StateNew)
	s.track(server, http.StateActive)
	assert.False(t, s.listener.admit())
	s.track(server, http.StateClosed)
	assert.True(t, s.listener.admit(), "there is room again")
}

// Connections on which no request has come yet make room for others.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	for half, secured := range map[string]bool{"POST /v1/mess": false, "\x16\x03\x01": true} {
		t.Run(fmt.Sprint("TLS ", secured), func(t *testing.T) {
			conf, ca := testConf(), testkit.NewAuthority(t)
			conf.MaxConn, conf.HeaderTimeout = 2, patience
			if secured {
				conf.TLSCert, conf.TLSKey = ca.Issue("server")
			}
			f := fly(t, conf, newSink())
			if secured {
				f.client.Transport.(*http.Transport).TLSClientConfig = ca.Client("")
			}
			for _, sent := range []string{"", half} {
				c, err := net.Dial("tcp", f.address())
				require.NoError(t, err)
				t.Cleanup(func() { c.Close() })
				_, err = c.Write([]byte(sent))
				require.NoError(t, err)
			}
			wantAccepted(t, f.post(t, "", "x", asText), 1)
			assert.EqualValues(t, 1, f.handler.count.conns.Load())
		})
	}
}

// A thousand connections at a time: each message arrives, once.
func TestThousandConnections(t *testing.T) {
	const conns, each = 1000, 5
	f := fly(t, testConf(), newSink())
	var all, up sync.WaitGroup
	up.Add(conns)
	for i := range conns {
		all.Go(func() {
			for n := range each {
				a, err := f.send(http.MethodPost, "", strings.NewReader(fmt.Sprintf("%d-%d", i, n)), asText)
				if !assert.NoError(t, err) || a.status != http.StatusAccepted {
					t.Error(a.body)
				}
				if n == 0 {
					up.Done()
					up.Wait() // all connections are open now
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, f.finish())
	seen := map[string]bool{}
	for range conns * each {
		seen[string(f.next(t)[KeyData].([]byte))] = true
	}
	assert.Len(t, seen, conns*each)
	assert.Empty(t, f.got)
}
