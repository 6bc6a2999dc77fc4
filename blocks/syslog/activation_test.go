//go:build linux

package syslog

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const activatedChild = "SYSLOG_TEST_ACTIVATED"

// TestActivatedChild is the process that TestSystemdSockets starts: it flies twice, as after a reload, and tells what it
// gets.
func TestActivatedChild(t *testing.T) {
	if os.Getenv(activatedChild) == "" {
		t.Skip("is started by TestSystemdSockets")
	}
	stdin := bufio.NewReader(os.Stdin)
	for round := 1; round <= 2; round++ {
		conf := testConf()
		conf.Listen = []string{"systemd:", "systemd+relp:reliable"}
		f := fly(t, conf, nil)
		_, set := os.LookupEnv("LISTEN_FDS")
		fmt.Println("up", round, set)
		for range 5 {
			r := f.next(t)
			fmt.Println("got", r.Transport, r.Message)
			if r.Transport == transportRELP {
				(<-f.done)(nil)
			}
		}
		require.NoError(t, f.finish())
		fmt.Println("down", round)
		_, err := stdin.ReadString('\n')
		require.NoError(t, err)
	}
	require.ErrorContains(t, initOf("systemd:nothing"), `none of the sockets that were handed over is for it; there are: lines, lines, lines, unknown, reliable`)
}

func TestSystemdSockets(t *testing.T) {
	stream, gram := socketPath(t), socketPath(t)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: stream, Net: "unix"})
	require.NoError(t, err)
	unix.SetUnlinkOnClose(false)
	unixgram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: gram, Net: "unixgram"})
	require.NoError(t, err)
	relp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)

	// LISTEN_PID has to be the child's own; only a shell knows it before.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestActivatedChild$'`, os.Args[0])
	cmd.Env = append(os.Environ(), activatedChild+"=1", "LISTEN_FDS=5", "LISTEN_FDNAMES=lines:lines:lines::reliable")
	for _, s := range []interface{ File() (*os.File, error) }{tcp, udp, unix, unixgram, relp} {
		file, err := s.File()
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	for _, s := range []io.Closer{tcp, udp, unix, unixgram, relp} {
		s.Close()
	}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	out := bufio.NewReader(stdout)
	var history strings.Builder
	next := func() string {
		for {
			text, err := out.ReadString('\n')
			history.WriteString(text)
			require.NoError(t, err, &history)
			if strings.HasPrefix(text, "up ") || strings.HasPrefix(text, "got ") || strings.HasPrefix(text, "down ") {
				return strings.TrimSpace(text)
			}
		}
	}
	sendAll := func() {
		for network, address := range map[string]string{
			"tcp": tcp.Addr().String(), "udp": udp.LocalAddr().String(), "unix": stream, "unixgram": gram,
		} {
			c, err := net.Dial(network, address)
			require.NoError(t, err)
			send(t, c, head+network+"\n")
			c.Close()
		}
		c, err := net.Dial("tcp", relp.Addr().String())
		require.NoError(t, err)
		send(t, c, "1 open 15 commands=syslog\n2 syslog 34 "+head+"relp\n")
		go func() { // it is closed by the block
			_, _ = io.ReadAll(c)
			c.Close()
		}()
	}
	for round := 1; round <= 2; round++ {
		if round == 1 {
			assert.Equal(t, "up 1 false", next(), "the variables are gone")
			sendAll()
		} else { // what is sent while the block is down, is kept by the kernel
			sendAll()
			_, err := io.WriteString(stdin, "\n")
			require.NoError(t, err)
			assert.Equal(t, "up 2 false", next())
		}
		var got []string
		for range 5 {
			got = append(got, next())
		}
		assert.ElementsMatch(t, []string{"got tcp tcp", "got udp udp", "got unix unix", "got unixgram unixgram", "got relp relp"}, got)
		assert.Equal(t, fmt.Sprint("down ", round), next())
	}
	_, err = io.WriteString(stdin, "\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), history.String()+string(rest))
}

func TestSystemdSocketsOfAnotherProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestActivatedStranger$", "-test.v")
	cmd.Env = append(os.Environ(), activatedChild+"=1", "LISTEN_FDS=1", "LISTEN_PID=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS")
}

func TestActivatedStranger(t *testing.T) {
	if os.Getenv(activatedChild) == "" {
		t.Skip("is started by TestSystemdSocketsOfAnotherProcess")
	}
	require.ErrorContains(t, initOf("systemd:"), "the sockets are for process 1 (LISTEN_PID), this is")
}
