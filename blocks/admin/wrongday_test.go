package admin

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

const followRaw = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"

// half sends a request whose body, of 5 bytes, doesn't come. When it returns, the block waits for that.
func (f *flight) half(t *testing.T) net.Conn {
	t.Helper()
	c := f.dial(t, "PUT /loglevel HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	_, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n")))
	require.NoError(t, err)
	return c
}

// fill adds so many large events that no socket's buffer holds them.
func (f *flight) fill() {
	for n := range 2000 {
		f.journal.add(Entry{Kind: "filler", Text: fmt.Sprint(n), Detail: strings.Repeat("x", longestDetail)})
	}
}

// A client that follows the events and reads nothing holds up nobody, and is told how many it has missed.
func TestSlowStreamMissesEvents(t *testing.T) {
	f := fly(t, "events: 10", Options{})
	c := f.dial(t, followRaw)
	f.listen(t).until("process_running") // others get theirs
	f.fill()
	f.journal.add(Entry{Kind: "last"})
	lines, missed := bufio.NewReader(c), false
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		missed = missed || strings.HasPrefix(line, "event: missed")
		if strings.Contains(line, `"kind":"last"`) {
			break
		}
	}
	assert.True(t, missed)
}

// HEAD /events is answered, and ends.
func TestHeadOfAStream(t *testing.T) {
	f := fly(t, "", Options{})
	c := f.dial(t, "HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	text, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Contains(t, string(text), "Content-Type: text/event-stream\r\n")
	assert.Contains(t, string(text), "\r\n\r\nlive\n", "the next request on the connection")
	assert.Zero(t, f.streams.Load())
}

func TestTooManyStreams(t *testing.T) {
	f := fly(t, "max_streams: 2", Options{})
	one, two := f.listen(t), f.listen(t)
	first(two)
	code, text := f.get(t, "/events")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, text, `"reason":"streams"`)
	code, _ = f.get(t, "/events", "Accept", "application/json")
	assert.Equal(t, http.StatusOK, code, "the way out")
	one.resp.Body.Close()
	for { // until the server has noticed
		resp := f.do(t, http.MethodGet, "/events", "")
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			break
		}
		f.journal.add(Entry{}) // a stream that is written to finds its client gone
	}
}

// The finish closes streams at once, also one whose client takes nothing, and connections that have asked for nothing.
func TestFinishWhileClientsAreConnected(t *testing.T) {
	f := fly(t, "events: 10", Options{})
	var streams []*follower
	for range 5 {
		streams = append(streams, f.listen(t))
	}
	first(streams[4])
	c := f.dial(t, followRaw)
	_, err := c.Read(make([]byte, 1)) // no more than that
	require.NoError(t, err)
	f.dial(t, "")
	f.get(t, "/livez") // a connection that is kept open
	f.fill()
	require.NoError(t, f.Stop())
	for _, s := range streams {
		_, err := io.Copy(io.Discard, s.resp.Body)
		_ = err // the end of the stream, or a reset
	}
	assert.NotContains(t, f.log.String(), "cut short", "nobody had to be thrown out")
	for _, e := range sputniktest.Events[sputnik.BlockFinished](f.Flight) {
		if e.Block.Responsibility == Name {
			assert.Less(t, e.Took, finishTimeout/2)
		}
	}
}

// With little time left, a client that sends half a request doesn't make the block one that hangs.
func TestFinishWithLittleTime(t *testing.T) {
	f := fly(t, "", Options{Level: new(slog.LevelVar)}, sputnik.WithFinishTimeout(2*time.Second))
	f.half(t)
	require.NoError(t, f.Stop())
	assert.Contains(t, f.log.String(), "cut short")
}

// A client that goes away doesn't stop a reload halfway.
func TestReloadWithoutItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, gone := make(chan context.Context), make(chan bool)
		a, client := overPipe(t, Options{Reload: func(ctx context.Context) error { begun <- ctx; <-gone; return nil }})
		_, err := client.Write([]byte("POST /reload HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		require.NoError(t, err)
		ctx := <-begun
		require.NoError(t, client.Close())
		synctest.Wait()
		require.NoError(t, ctx.Err())
		close(gone)
		a.answers.Wait()
	})
}

// A request that takes its time is cut short by the finish, and its context ends.
func TestFinishDuringAReload(t *testing.T) {
	begun := make(chan bool)
	f := fly(t, "", Options{Reload: func(ctx context.Context) error { close(begun); <-ctx.Done(); return context.Cause(ctx) }})
	answered := f.background(http.MethodPost, "/reload")
	<-begun
	require.NoError(t, f.Stop())
	<-answered
}

// Connections without a request make room for others.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	c := newConns(2)
	var clients, servers []net.Conn
	for range 5 {
		client, server := net.Pipe()
		t.Cleanup(func() { client.Close(); server.Close() })
		clients, servers = append(clients, client), append(servers, server)
	}
	assert.True(t, c.note(servers[0], http.StateNew))
	assert.True(t, c.note(servers[0], http.StateActive))
	assert.True(t, c.note(servers[1], http.StateActive))
	assert.False(t, c.note(servers[2], http.StateNew), "there is none to spare")
	assert.True(t, c.note(servers[1], http.StateIdle))
	secured := tls.Server(servers[2], &tls.Config{})
	require.True(t, c.note(secured, http.StateNew))
	_, err := clients[1].Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	assert.True(t, c.note(servers[1], http.StateClosed), "as net/http then says")
	assert.True(t, c.note(secured, http.StateIdle))
	require.True(t, c.note(servers[3], http.StateNew))
	_, err = clients[2].Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.True(t, c.note(servers[4], http.StateNew))
	_, err = clients[3].Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "it has asked for nothing yet")
	assert.Len(t, c.open, 2)
}

func TestTooManyConnections(t *testing.T) {
	f := fly(t, "max_streams: 1\nmax_conn: 2", Options{Level: new(slog.LevelVar)})
	one := f.half(t)
	f.half(t)
	three := f.dial(t, "")
	_, err := three.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = one.Write([]byte("error" + "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
	require.NoError(t, err)
	text, err := io.ReadAll(one)
	require.NoError(t, err)
	assert.Contains(t, string(text), `sputnik_admin_requests_refused_total{reason="connections"} 1`)
}

// Clients that send a byte now and then, or never take their answer, are given up in time. In a bubble: over pipes.
func TestSlowClientsAreGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		sends string
		limit time.Duration
	}{
		"nothing":       {"", headerLimit},
		"half a header": {"GET /livez HTTP/1.1\r\nHost: loc", headerLimit},
		"half a body":   {"PUT /loglevel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nde", readLimit},
		"reads nothing": {"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", writeLimit},
		"idle":          {"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nread", idleLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, client := overPipe(t, Options{})
				began := time.Now()
				text, reads := strings.CutSuffix(c.sends, "read")
				_, err := client.Write([]byte(text))
				require.NoError(t, err)
				if reads {
					_, err := http.ReadResponse(bufio.NewReader(client), nil) //nolint:bodyclose // a pipe
					require.NoError(t, err)
				}
				open := func() int {
					synctest.Wait()
					a.conns.mu.Lock()
					defer a.conns.mu.Unlock()
					return len(a.conns.open)
				}
				time.Sleep(c.limit - time.Second)
				assert.Equal(t, 1, open(), "after %v", time.Since(began))
				time.Sleep(2 * time.Second)
				assert.Zero(t, open(), "after %v", time.Since(began))
			})
		})
	}
}

// overPipe is a block that serves one client, in a bubble.
func overPipe(t *testing.T, opts Options, protocols ...http.Protocols) (a *admin, client net.Conn) {
	t.Helper()
	a = newAdmin(discard(), opts)
	a.conf, a.life = DefaultConf(), t.Context()
	a.journal, a.metrics, a.page, a.conns = newJournal(1, time.Now()), newMetrics(a), newPage(), newConns(10)
	a.gate = newGate(a.conf, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, a.log, a.metrics.refused)
	server := a.newServer(nil)
	server.Handler = a.handler()
	for _, p := range protocols {
		server.Protocols = &p
	}
	client, conn := net.Pipe()
	listener := &oneConn{conn: conn, closed: make(chan bool)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		assert.NoError(t, server.Close())
		client.Close()
	})
	return a, client
}

// What limits a request doesn't end a stream, as long as its client takes what comes.
func TestStreamOutlivesTheLimitsOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, client := overPipe(t, Options{})
		_, err := client.Write([]byte(followRaw))
		require.NoError(t, err)
		late := time.AfterFunc(10*time.Minute, func() { a.journal.add(Entry{Kind: "late"}) })
		defer late.Stop()
		lines, alive := bufio.NewScanner(client), 0
		for lines.Scan() && !strings.Contains(lines.Text(), `"kind":"late"`) {
			if lines.Text() == ": still here" {
				alive++
			}
		}
		require.NoError(t, lines.Err())
		assert.InDelta(t, 10*time.Minute/keepAlive, alive, 1)
		time.Sleep(keepAlive + streamLimit + time.Second) // it takes nothing more
		synctest.Wait()
		assert.Zero(t, a.streams.Load())
	})
}

// Over HTTP/2, which browsers speak with TLS, a deadline for writing ends a stream also while there is nothing to write.
func TestQuietStreamOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var both http.Protocols
		both.SetUnencryptedHTTP2(true)
		a, conn := overPipe(t, Options{}, both)
		transport := &http.Transport{
			Protocols:   &both,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("http://localhost/events")
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, 2, resp.ProtoMajor)
		late := time.AfterFunc(10*time.Minute, func() { a.journal.add(Entry{Kind: "late"}) })
		defer late.Stop()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() && !strings.Contains(lines.Text(), `"kind":"late"`) {
		}
		require.NoError(t, lines.Err())
	})
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conn   net.Conn
	closed chan bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func TestLongRequestsAreRefused(t *testing.T) {
	f := fly(t, "", Options{})
	code, _ := f.get(t, "/livez", "X-Long", strings.Repeat("x", 2*maxHeader))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, code)
	code, _ = f.get(t, "/events?after="+strings.Repeat("9", 4000), "Accept", "application/json")
	assert.Equal(t, http.StatusOK, code)
}

// With another block's Init failing, the port is free again.
func TestRollBackFreesThePort(t *testing.T) {
	a := newAdmin(discard(), Options{})
	f := sputniktest.New(t, sputnik.WithConfFactory(sputniktest.Conf(t, map[string]string{Name: "listen: 127.0.0.1:0"})))
	f.Add(Name, func() *sputnik.Block { return sputnik.BlockOf(a) })
	f.Add("bad", func() *sputnik.Block {
		return sputnik.NewBlock(sputnik.WithInit(func(sputnik.ConfFactory) error { return errBroken }),
			sputnik.WithRun(func(sputnik.BlockCommunicator) {}), sputnik.WithFinish(func(bool) {}))
	})
	require.ErrorIs(t, f.Prepare(), errBroken)
	again, err := net.Listen("tcp", a.listener.Addr().String())
	require.NoError(t, err)
	again.Close()
}
