//go:build unix

package systemd

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

const patience = 30 * time.Second // a test that waits longer has failed

// listen opens a socket as systemd's, at address or in a folder of the test's.
func listen(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	if address == "" {
		folder, err := os.MkdirTemp("", "s") //nolint:usetesting // the name of t.TempDir may be too long for a socket
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(folder) })
		address = filepath.Join(folder, "notify")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

// receiveUntil reads messages up to the first that has this line, and returns them all.
func receiveUntil(t *testing.T, conn *net.UnixConn, line string) string {
	t.Helper()
	var all strings.Builder
	for {
		text := receive(t, conn) + "\n"
		all.WriteString(text)
		if strings.Contains("\n"+text, "\n"+line+"\n") {
			return all.String()
		}
	}
}

func TestSocket(t *testing.T) {
	addresses := map[string]string{"path": ""}
	if _, err := os.Stat("/proc/self"); err == nil { // abstract names are Linux's
		addresses["abstract"] = "@sputnik-test-" + strconv.Itoa(os.Getpid())
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			conn := listen(t, address)
			t.Setenv("NOTIFY_SOCKET", conn.LocalAddr().String())
			t.Setenv("WATCHDOG_USEC", "200000")
			t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
			f := sputniktest.New(t).Add(Name, func() *sputnik.Block { return NewBlock(slog.New(slog.DiscardHandler)) }).Launch()
			receiveUntil(t, conn, "READY=1")
			receiveUntil(t, conn, "WATCHDOG=1")
			receiveUntil(t, conn, "WATCHDOG=1")
			f.Signals.Terminate()
			assert.Contains(t, receiveUntil(t, conn, "STOPPING=1"), "STATUS=stopping: signal terminated\n")
			require.NoError(t, f.Wait())
		})
	}
}

func TestSocketThatIsGone(t *testing.T) {
	conn := listen(t, "")
	address := conn.LocalAddr().String()
	require.NoError(t, conn.Close())
	require.NoError(t, os.RemoveAll(address))
	assert.ErrorContains(t, dial(address)("READY=1"), "NOTIFY_SOCKET: dial unixgram "+address)
}

// A service manager that reads nothing doesn't hold up the process for good.
func TestSocketThatNobodyReads(t *testing.T) {
	conn := listen(t, "")
	send := dial(conn.LocalAddr().String())
	var err error
	for range 100_000 { // more than any queue holds
		if err = send("WATCHDOG=1"); err != nil {
			break
		}
	}
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestReloadRefused(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	require.NoError(t, ReloadRefused(errors.New("anything")))
	t.Setenv("NOTIFY_SOCKET", "no/path")
	require.ErrorContains(t, ReloadRefused(errors.New("anything")), "NOTIFY_SOCKET")

	conn := listen(t, "")
	t.Setenv("NOTIFY_SOCKET", conn.LocalAddr().String())
	before := monotonic()
	require.NoError(t, ReloadRefused(errors.New("syslog.yaml:\nport: too large")))
	usec, ok := strings.CutPrefix(receive(t, conn), "RELOADING=1\nMONOTONIC_USEC=")
	require.True(t, ok)
	at, err := strconv.ParseUint(usec, 10, 64)
	require.NoError(t, err)
	assert.LessOrEqual(t, before, at)
	assert.LessOrEqual(t, at, monotonic())
	assert.Equal(t, "READY=1\nSTATUS=reload refused: syslog.yaml: port: too large", receive(t, conn))
}
