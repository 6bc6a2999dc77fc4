package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheProgramFromReadyToACleanEnd(t *testing.T) {
	t.Setenv("TICKER_EVERY", "1ms")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := newLog()
	ended := make(chan error, 1)
	server := listen(t)
	go func() { ended <- fly(ctx, server.Addr().String(), stderr) }()

	conn, err := server.Accept()
	require.NoError(t, err)
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for range 3 {
		require.True(t, lines.Scan(), lines.Err())
		assert.Regexp(t, `^\d\d:\d\d:\d\d$`, lines.Text())
		answer(conn)
	}
	<-stderr.ready
	cancel()
	for lines.Scan() { // what the ticker sent before its end is still delivered
		answer(conn)
	}
	require.NoError(t, <-ended)
	assert.Regexp(t, `(?s)block=ticker.*"block finished" block=ticker .*"block finished" block=uplink handled=`+
		`.*msg=disconnected.*msg="process finished"`, stderr.String())
}

func TestAServerThatIsNotThereIsWaitedFor(t *testing.T) {
	nobody := listen(t)
	nobody.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := newLog()
	ended := make(chan error, 1)
	go func() { ended <- fly(ctx, nobody.Addr().String(), stderr) }()
	<-stderr.notReady
	cancel()
	require.NoError(t, <-ended)
	assert.NotContains(t, stderr.String(), "msg=ready")
}

func TestAWrongConfigurationIsNamed(t *testing.T) {
	t.Setenv("TICKER_EVERY", "soon")
	err := fly(t.Context(), "127.0.0.1:1", newLog())
	require.ErrorContains(t, err, "TICKER_EVERY")
	assert.ErrorContains(t, err, `block "ticker"`)
}

func TestConnectorWithTheEchoServer(t *testing.T) {
	require.NoError(t, besideServer(func(addr string) error {
		c := &connector{addr: addr}
		for range 2 { // it can be used again
			conn, err := c.Connect(nil)
			require.NoError(t, err)
			reply, err := conn.(*client).Ask("hello")
			require.NoError(t, err)
			assert.Equal(t, "hello", reply)
			assert.True(t, c.IsConnected())
			c.Disconnect()
			assert.False(t, c.IsConnected())
		}
		return nil
	}))
}

func TestAConnectionThatFailedOnceIsOfNoMoreUse(t *testing.T) {
	server := listen(t)
	c := &connector{addr: server.Addr().String()}
	conn, err := c.Connect(nil)
	require.NoError(t, err)
	peer, err := server.Accept()
	require.NoError(t, err)
	defer peer.Close()
	require.NoError(t, peer.(*net.TCPConn).CloseWrite())

	_, err = conn.(*client).Ask("hello")
	require.Error(t, err)
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = io.Copy(io.Discard, peer)
	require.NoError(t, err, "the client has hung up")
	assert.False(t, c.IsConnected())
}

func TestABlockMayAskBeforeThereIsAServer(t *testing.T) {
	_, err := (*client)(nil).Ask("hello")
	assert.ErrorIs(t, err, errNotConnected)
}

func answer(conn net.Conn) { _, _ = conn.Write([]byte("heard\n")) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// programLog keeps what the program logs, and tells of readiness.
type programLog struct {
	ready, notReady chan struct{} // closed by the first such line

	mu   sync.Mutex
	text bytes.Buffer
}

func newLog() *programLog {
	return &programLog{ready: make(chan struct{}), notReady: make(chan struct{})}
}

func (l *programLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	once(l.ready, regexp.MustCompile(`msg=ready`).Match(p))
	once(l.notReady, regexp.MustCompile(`msg="not ready: connect failed"`).Match(p))
	return l.text.Write(p)
}

func once(told chan struct{}, now bool) {
	select {
	case <-told:
	default:
		if now {
			close(told)
		}
	}
}

func (l *programLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
