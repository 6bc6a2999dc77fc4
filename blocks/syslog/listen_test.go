package syslog

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// socketPath is a path short enough for a socket's address.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "syslog") //nolint:usetesting // t.TempDir is too long for it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestSeveralListenersInOneBlock(t *testing.T) {
	stream, gram := socketPath(t), socketPath(t)
	conf := testConf()
	conf.Listen = []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "unix://" + stream, "unixgram://" + gram}
	conf.SocketMode = "0600"
	f := fly(t, conf, nil)
	self := unknownPeer
	if runtime.GOOS == "linux" {
		self = fmt.Sprintf("pid=%d,uid=%d", os.Getpid(), os.Getuid())
	}
	for _, transport := range []string{"udp", "tcp", "unix", "unixgram"} {
		c := f.dial(t, transport)
		send(t, c, "<13>Nov 20 07:30:01 host app: "+transport+"\n")
		r := f.next(t)
		assert.Equal(t, transport, r.Message)
		assert.Equal(t, transport, r.Transport)
		want := c.LocalAddr().String()
		if strings.HasPrefix(transport, "unix") {
			want = self
		}
		assert.Equal(t, want, r.Peer)
		assert.EqualValues(t, 1, f.count.of(transport).Load())
	}
	for _, path := range []string{stream, gram} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.NoError(t, f.finish())
	for _, path := range []string{stream, gram} {
		_, err := os.Lstat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

// initOf opens what is listed, and gives it back.
func initOf(listen ...string) error {
	conf := testConf()
	conf.Listen = listen
	r := newReceiver(discard())
	err := r.Init(confOf(conf))
	if err == nil {
		r.Finish(true)
	}
	return err
}

func TestAddressTakenIsAnErrorOfInit(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp.Close()
	path := socketPath(t)
	unix, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer unix.Close()
	file := socketPath(t)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, taken := range []string{
		tcp.Addr().String(), udp.LocalAddr().String(), "tcp://" + tcp.Addr().String(), "udp://" + udp.LocalAddr().String(),
		"unix://" + path, "unixgram://" + file,
	} {
		err := initOf("tcp://127.0.0.1:0", taken)
		require.ErrorIs(t, err, syscall.EADDRINUSE, taken)
		require.ErrorContains(t, err, taken)
	}
	require.FileExists(t, file)
}

func TestInitThatFailsGivesBackWhatItOpened(t *testing.T) {
	const tries = 10 // another process may have the one or the other port
	for try := 1; ; try++ {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		address := udp.LocalAddr().String()
		require.ErrorIs(t, initOf(address), syscall.EADDRINUSE)
		require.NoError(t, udp.Close())
		if err = initOf(address); err == nil {
			break
		}
		require.Less(t, try, tries, "the TCP port wasn't given back: %v", err)
	}
	path := socketPath(t)
	require.Error(t, initOf("unix://"+path, "unixgram:///nowhere/at/all"))
	_, err := os.Lstat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, initOf("unix://"+path))
}

// A process that was killed leaves its sockets' files behind.
func TestSocketOfADeadProcessIsReplaced(t *testing.T) {
	stream, gram := socketPath(t), socketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stream, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	l.Close()
	g, err := net.ListenPacket("unixgram", gram)
	require.NoError(t, err)
	g.Close()
	require.FileExists(t, stream)
	require.FileExists(t, gram)
	require.NoError(t, initOf("unix://"+stream, "unixgram://"+gram))
}

// Another process may have put its own socket there, such as the next version of this one.
func TestSocketOfAnotherProcessIsNotRemoved(t *testing.T) {
	stream, gram := socketPath(t), socketPath(t)
	conf := testConf()
	conf.Listen = []string{"unix://" + stream, "unixgram://" + gram}
	old := newReceiver(discard())
	require.NoError(t, old.Init(confOf(conf)))
	for _, path := range []string{stream, gram} {
		require.NoError(t, os.Remove(path))
	}
	next := newReceiver(discard())
	require.NoError(t, next.Init(confOf(conf)))
	old.Finish(true)
	for _, path := range []string{stream, gram} {
		require.FileExists(t, path)
	}
	next.Finish(true)
	for _, path := range []string{stream, gram} {
		require.NoFileExists(t, path)
	}
}

func TestNoSocketsHandedOver(t *testing.T) {
	require.ErrorContains(t, initOf("systemd:"), "no sockets were handed over")
	require.ErrorContains(t, initOf("systemd:"), "no sockets were handed over", "and a second time")
}

func TestNoSinkGivesTheSocketsBack(t *testing.T) {
	for _, to := range []string{"nobody", Name} {
		conf := testConf()
		conf.To = to
		f := fly(t, conf, nil)
		address := f.address(t, "tcp")
		err := <-f.ended
		f.ended = nil
		require.ErrorContains(t, err, fmt.Sprintf(`no other block with the responsibility %q`, to))
		require.NoError(t, initOf(address))
	}
}
