package httpin

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
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
	"github.com/sputnik-go/sputnik/sputniktest"
)

// begin begins a request whose body is to follow. When it returns, the block is waiting for that.
func (f *flight) begin(t *testing.T, body string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", f.address())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		f.handler.conf.Path, len(body))
	require.NoError(t, err)
	answer := bufio.NewReader(c)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		line, err := answer.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
	return c, answer
}

// What was answered by 202 is in the sink, whenever the end comes.
func TestFinishUnderLoad(t *testing.T) {
	const clients, before = 50, 2000
	f := fly(t, testConf(), newSink())
	var mu sync.Mutex
	accepted := map[string]bool{}
	enough := make(chan struct{})
	refused := map[int]int{}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := 0; ; n++ {
				one, two := fmt.Sprintf(`{"m":"%d-%d-0"}`, i, n), fmt.Sprintf(`{"m":"%d-%d-1"}`, i, n)
				a, err := f.send(http.MethodPost, "", strings.NewReader(one+"\n"+two), asNDJSON)
				if err != nil {
					return // the end
				}
				mu.Lock()
				if a.status != http.StatusAccepted {
					refused[a.status]++
					mu.Unlock()
					return
				}
				accepted[one], accepted[two] = true, true
				if len(accepted) == before {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	require.NoError(t, f.finish())
	all.Wait()
	got := map[string]bool{}
	for len(f.got) > 0 {
		got[string((<-f.got)[KeyData].([]byte))] = true
	}
	for text := range accepted {
		assert.True(t, got[text], text)
	}
	for status := range refused {
		assert.Equal(t, http.StatusServiceUnavailable, status)
	}
	t.Logf("%d messages answered by 202, %d in the sink; refused: %v", len(accepted), len(got), refused)
}

// A request in progress at the finish is answered, and so is one that comes afterwards on a connection that stands.
func TestFinishAnswersWhatIsInProgress(t *testing.T) {
	f := fly(t, testConf(), newSink(), sputnik.WithFinishDelay(500*time.Millisecond))
	begun, answer := f.begin(t, "begun")
	wantAccepted(t, f.post(t, "", "x", asText), 1) // so that another connection stands

	f.shootDown()
	late := f.post(t, "", "late", asText)
	wantProblem(t, late, 503, "not ready: stopping")
	assert.True(t, late.closes)
	assert.Equal(t, "1", late.header.Get("Retry-After"))
	<-f.finishing
	_, err := begun.Write([]byte("begun"))
	require.NoError(t, err)
	response, err := http.ReadResponse(answer, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusAccepted, response.StatusCode, string(body))
	require.NoError(t, f.finish())
	_, err = answer.ReadByte()
	require.ErrorIs(t, err, io.EOF, "then the connection is closed")
	f.nextData(t, "x", "begun")
}

// Connections on which nothing comes, or half a request, don't hold the finish up.
func TestFinishDoesNotWaitForSilentClients(t *testing.T) {
	f := fly(t, testConf(), newSink())
	for _, sent := range []string{"", "POST /v1/mess"} {
		c, err := net.Dial("tcp", f.address())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = c.Write([]byte(sent))
		require.NoError(t, err)
	}
	wantAccepted(t, f.post(t, "", "x", asText), 1)
	began := time.Now()
	require.NoError(t, f.finish())
	assert.Less(t, time.Since(began), 1500*time.Millisecond, "less than the time that the block has")
}

// With a sink that takes nothing, and one that stores nothing, requests in progress are answered when the time is up.
func TestFinishWhileRequestsWait(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout, conf.StoredTimeout = patience, patience
	for name, c := range map[string]struct {
		sink   *sink
		body   string
		detail string
	}{
		"for room":    {stalled(), batchOf(capacity + 2), "the process is "},
		"for storage": {storingSink(func(string) error { return errNever }), batchOf(2), "finishing before all messages are stored"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fly(t, conf, c.sink)
			answer := make(chan reply, 1)
			go func() {
				a, err := f.send(http.MethodPost, "", strings.NewReader(c.body), asNDJSON, "Prefer: wait")
				assert.NoError(t, err)
				answer <- a
			}()
			if c.sink.gate == nil {
				f.next(t)
				f.next(t)
			} else {
				c.sink.gate <- true // the first message is there
				f.next(t)
			}
			f.shootDown()
			a := <-answer
			if c.sink.gate != nil {
				close(c.sink.gate) // it can finish
			}
			require.NoError(t, f.finish())
			wantProblem(t, a, 503, c.detail)
			assert.True(t, a.closes)
			assert.NotEmpty(t, a.header.Get("Retry-After"))
			assert.Equal(t, 0, *a.Stored)
			assert.Zero(t, *a.ResendFrom)
		})
	}
}

// A request whose body doesn't come to its end, and a message that nobody waits for any more, end with the block's time.
func TestFinishEndsWhatDoesNotEndByItself(t *testing.T) {
	conf := testConf()
	conf.AcceptTimeout = 20 * time.Millisecond
	f := fly(t, conf, stalled())
	wantProblem(t, f.post(t, "", batchOf(capacity+1), asNDJSON), 429, "within 20ms")
	endless, answer := f.begin(t, "endless")
	_, err := endless.Write([]byte("end"))
	require.NoError(t, err)
	f.shootDown()
	<-f.finished
	_, err = answer.ReadByte()
	require.Error(t, err, "the connection was closed")
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	close(f.gate) // the sink can finish
	require.NoError(t, f.finish())
	assert.Len(t, f.got, capacity, "the one in doubt was not taken")
}

// While there is no connection to the server, messages are refused.
func TestNotReady(t *testing.T) {
	server := sputniktest.NewServer(t)
	server.Down()
	log := newNotices()
	f := fly(t, testConf(), newSink(), sputnik.WithConnector(server, 5*time.Millisecond), sputnik.WithBackoffCap(5*time.Millisecond),
		sputnik.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	log.await(t, "connect failed")
	a := f.post(t, "", "x", asText)
	wantProblem(t, a, 503, "not ready: no connection to the server")
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	server.Up()
	log.await(t, "msg=ready")
	wantAccepted(t, f.post(t, "", "x", asText), 1)
}

// A block can be removed from a running process, and another one added in its place.
func TestSinkThatIsGoneAndBack(t *testing.T) {
	f := fly(t, testConf(), newSink())
	wantAccepted(t, f.post(t, "", "x", asText), 1) // the process runs
	require.NoError(t, sputnik.RemoveBlock(t.Context(), f.handler.self, "sink"))
	wantProblem(t, f.post(t, "", "x", asText), 503, `no block "sink" any more`)
	require.NoError(t, sputnik.AddBlock(t.Context(), f.handler.self, sputnik.BlockDescriptor{Name: "sink", Responsibility: "sink"}))
	wantAccepted(t, f.post(t, "", "y", asText), 1)
	f.nextData(t, "x", "y")
}

func TestRefusalsAreReportedOnceWithTheirNumber(t *testing.T) {
	var out strings.Builder
	var count counters
	r := newReporter(slog.New(slog.NewTextHandler(&out, nil)), &count)
	r.report()
	assert.Empty(t, out.String())
	for range 30 {
		count.answer(429)
		count.answer(202)
		_, _ = count.faults.Write([]byte("http: TLS handshake error\n"))
	}
	count.refuseConn()
	r.report()
	r.report()
	assert.Contains(t, out.String(), `msg="requests refused" status=429 reason="Too Many Requests" refused=30 total=30`)
	assert.Contains(t, out.String(), `msg="connections failed" last="http: TLS handshake error" times=30 total=30`)
	assert.Contains(t, out.String(), `msg="connections closed: max_conn reached" closed=1 total=1`)
	assert.Equal(t, 3, strings.Count(out.String(), "\n"))
}
