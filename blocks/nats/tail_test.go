package nats

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startTail(t *testing.T, out io.Writer) (links chan<- *Connection, finish func(), ended <-chan error) {
	t.Helper()
	block := &tail{log: slog.New(slog.DiscardHandler), out: out, links: make(chan *Connection), stopped: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- block.Run(ctx, nil) }()
	return block.links, cancel, end
}

func publish(t *testing.T, conn *Connection, payload string) {
	t.Helper()
	_, err := conn.JetStream.Publish(t.Context(), "syslog.user.info", []byte(payload))
	require.NoError(t, err)
}

func TestTailPrintsWhatIsStoredFromNowOnAcrossConnections(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	publish(t, conn, "before")
	_, first := connect(t, b, testConf())
	publish(t, conn, "between") // after the connection, before the block knows of it

	read, write := io.Pipe()
	lines := bufio.NewScanner(read)
	next := func() string {
		require.True(t, lines.Scan())
		return lines.Text()
	}
	links, finish, ended := startTail(t, write)
	links <- first
	assert.Equal(t, "#2 syslog.user.info between", next())
	publish(t, conn, "one")
	assert.Equal(t, "#3 syslog.user.info one", next())
	links <- nil
	publish(t, conn, "two")
	_, second := connect(t, b, testConf())
	links <- second
	assert.Equal(t, "#4 syslog.user.info two", next())

	publish(t, conn, "three")
	publish(t, conn, "four")
	rest := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(read)
		rest <- text
	}()
	finish()
	require.NoError(t, <-ended)
	require.NoError(t, write.Close())
	assert.Equal(t, "#5 syslog.user.info three\n#6 syslog.user.info four\n", string(<-rest))
}

// The connection is the producer's, too: the server must not have to break it for what waits to be printed.
func TestTailBehindLargeMessages(t *testing.T) {
	const messages, size = 60, 900_000
	s := runServer(t, &server.Options{MaxPending: 16 << 20})
	_, conn := connect(t, nil, confFor(s))
	_, first := connect(t, nil, confFor(s))
	for range messages {
		publish(t, conn, strings.Repeat("x", size))
	}
	read, write := io.Pipe()
	links, finish, ended := startTail(t, write)
	links <- first
	printed := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, read, messages*size)
		printed <- err
		_, _ = io.Copy(io.Discard, read) // until it is closed
	}()
	select {
	case err := <-printed:
		require.NoError(t, err)
	case err := <-first.broken:
		require.NoError(t, err)
	}
	finish()
	require.NoError(t, <-ended)
	require.NoError(t, write.Close())
}

func TestTailEndsWithItsOutput(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	read, write := io.Pipe()
	gone := errors.New("gone")
	read.CloseWithError(gone)
	links, finish, ended := startTail(t, write)
	defer finish()
	links <- conn
	publish(t, conn, "x")
	require.ErrorIs(t, <-ended, gone)
}

func TestDescribe(t *testing.T) {
	cases := map[string]struct{ payload, want string }{
		"a line": {
			`{"received":"2026-11-20T07:30:01.5Z","peer":"127.0.0.1:1234","facility":"user","severity":"notice","hostname":"host","app":"app","procid":"7","message":"hello"}`,
			"2026-11-20T07:30:01Z 127.0.0.1:1234 user.notice host app[7]: hello",
		},
		"without host and app": {
			`{"received":"2026-11-20T07:30:01Z","peer":"127.0.0.1:1234","facility":"user","severity":"notice","message":"hello"}`,
			"2026-11-20T07:30:01Z 127.0.0.1:1234 user.notice: hello",
		},
		"unparsed, cut": {
			`{"received":"2026-11-20T07:30:01Z","peer":"127.0.0.1:1234","raw":"<13>x","truncated":true}`,
			"2026-11-20T07:30:01Z 127.0.0.1:1234 unparsed: <13>x [truncated]",
		},
		"bytes": {
			`{"received":"2026-11-20T07:30:01Z","peer":"127.0.0.1:1234","raw_base64":"/wA="}`,
			`2026-11-20T07:30:01Z 127.0.0.1:1234 unparsed: \xff\x00`,
		},
		"no line": {"{\n}", `syslog.x {\n}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, describe("syslog.x", []byte(c.payload))) })
	}
}

func TestPrintable(t *testing.T) {
	assert.Equal(t, `plain äöü "quoted" \ 日本`, printable(`plain äöü "quoted" \ 日本`))
	assert.Equal(t, `\x1b[31mred\a\ttab\n`, printable("\x1b[31mred\a\ttab\n"))
	assert.Equal(t, `a\xffb\u202ec`, printable("a\xffb\u202ec"))
}
