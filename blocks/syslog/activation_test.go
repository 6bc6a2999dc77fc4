//go:build linux

package syslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

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
	conf := testConf()
	conf.Listen = []string{"systemd:lines", "systemd+relp:reliable"}
	fly(t, conf, nil).log.await(t, `WARN msg="a socket was handed over that no entry of listen takes.*name=unknown`)
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

func TestSystemdSocketsAreChosenByName(t *testing.T) {
	all := []passed{{name: "a"}, {name: "b"}, {name: "a"}, {name: "unknown"}}
	names := func(endpoint string, others ...string) (names []string) {
		parsed, _ := endpoints(others)
		chosen, err := choose(all, endpoint, parsed)
		for _, p := range chosen {
			names = append(names, p.name)
		}
		assert.Equal(t, len(names) == 0, err != nil)
		return names
	}
	assert.Equal(t, []string{"a", "a"}, names("a"))
	assert.Equal(t, []string{"a", "b", "a", "unknown"}, names("", "systemd:", ":514"))
	assert.Equal(t, []string{"b", "unknown"}, names("", "systemd:", "systemd+tls:a"))
	left := func(entries ...string) int {
		parsed, _ := endpoints(entries)
		return len(unused(all, parsed))
	}
	assert.Equal(t, 2, left("systemd:a"))
	assert.Zero(t, left("systemd:a", "systemd+tls:"))
	assert.Empty(t, names("c"))
	assert.Empty(t, names("", "systemd:a", "systemd:b", "systemd:unknown"))
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

// handOver is a socket as a service manager hands it over.
func handOver(t *testing.T, s interface{ File() (*os.File, error) }) passed {
	t.Helper()
	file, err := s.File()
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return passed{"given", file, new(kernelDrops)}
}

// take opens it in a block of its own.
func (p passed) take(t *testing.T, conf Conf) (*receiver, error) {
	t.Helper()
	r := newReceiver(discard())
	r.conf = conf
	o := &opener{r: r}
	err := o.passedSocket(p, endpoint{scheme: schemeSystemd})
	r.servers = o.servers
	t.Cleanup(func() { r.Finish(true) })
	return r, err
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// What the unit says (ReceiveBuffer=), which may be over net.core.rmem_max, stays.
func TestBufferOfAnActivatedSocketIsRaisedAndNeverShrunk(t *testing.T) {
	most := grants(1 << 30)
	if most > 1<<28 {
		t.Skip("there is no limit to be under")
	}
	give := func(c *net.UDPConn, size int) (err error) {
		if size <= most {
			return c.SetReadBuffer(size)
		}
		const soRcvbufForce = 33 // as systemd does; needs CAP_NET_ADMIN
		control(c, func(fd int) { err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soRcvbufForce, size) })
		return err
	}
	for name, c := range map[string]struct{ unit, conf, want int }{
		"the unit gives less":             {16 << 10, 32 << 10, 32 << 10},
		"the unit gives more":             {32 << 10, 16 << 10, 32 << 10},
		"the unit gives more than we may": {2 * most, 4 * most, 2 * most},
		"nobody gives that much":          {16 << 10, 4 * most, most},
	} {
		t.Run(name, func(t *testing.T) {
			socket := listenUDP(t)
			if err := give(socket, c.unit); err != nil {
				t.Skip(err)
			}
			conf := testConf()
			conf.UDPBuffer = c.conf
			_, err := handOver(t, socket).take(t, conf)
			require.NoError(t, err)
			assert.Equal(t, c.want, grantedBuffer(socket))
		})
	}
}

// The kernel goes on dropping while the block is down for a reload; what it dropped before the first is not this process's.
func TestKernelDropsOverAReloadAreCounted(t *testing.T) {
	if !knowsDrops() {
		t.Skip("the kernel doesn't tell")
	}
	const sent = 500
	socket := listenUDP(t)
	require.NoError(t, socket.SetReadBuffer(16<<10))
	conf := testConf()
	conf.UDPBuffer = 16 << 10
	c, err := net.Dial("udp", socket.LocalAddr().String())
	require.NoError(t, err)
	defer c.Close()
	flood := func() {
		for range sent {
			send(t, c, head+strings.Repeat("x", 500))
		}
	}
	flood()
	p := handOver(t, socket)
	before, err := p.take(t, conf)
	require.NoError(t, err)
	before.servers[0].sample()
	assert.Zero(t, before.count.kernelDropped.Load())
	before.servers[0].close()
	before.servers = nil
	flood()
	after, err := p.take(t, conf)
	require.NoError(t, err)
	after.servers[0].sample()
	assert.EqualValues(t, sent, after.count.kernelDropped.Load(), "the buffer was full")
}

func TestActivatedSocketsThatCanNotServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	connection, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	packets, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: socketPath(t), Net: "unixpacket"})
	require.NoError(t, err)
	defer packets.Close()
	_, err = handOver(t, connection.(*net.TCPConn)).take(t, testConf())
	require.ErrorContains(t, err, "it doesn't listen: the .socket unit needs Accept=no")
	_, err = handOver(t, packets).take(t, testConf())
	require.ErrorContains(t, err, "it is for sequential packets: the .socket unit needs ListenStream= or ListenDatagram=")
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	_, err = passed{"file", file, new(kernelDrops)}.take(t, testConf())
	require.ErrorContains(t, err, "socket operation on non-socket")
}

// What was sent before the block was there comes without the sender's name, unless the unit says PassCredentials=yes.
func TestDatagramFromBeforeTheBlockHasNoKnownPeer(t *testing.T) {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socketPath(t), Net: "unixgram"})
	require.NoError(t, err)
	defer socket.Close()
	c, err := net.Dial("unixgram", socket.LocalAddr().String())
	require.NoError(t, err)
	defer c.Close()
	send(t, c, head+"early")
	r, err := handOver(t, socket).take(t, testConf())
	require.NoError(t, err)
	send(t, c, head+"late")
	next := r.servers[0].(*datagramServer).next
	for _, want := range []string{unknownPeer, fmt.Sprintf("pid=%d,uid=%d", os.Getpid(), os.Getuid())} {
		_, d, err := next(make([]byte, 100))
		require.NoError(t, err)
		assert.Equal(t, want, d.peer)
	}
}

func TestMaxConnLeavesFilesToTheRest(t *testing.T) {
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 200, Max: before.Max}))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) }()
	f := fly(t, testConf(), nil)
	f.log.await(t, `WARN msg="max_conn is lowered.*max_conn=1000 lowered_to=136 open_files=200`)
	assert.Equal(t, 136, f.crowd.most)
}

func TestPortThatTakesAPrivilege(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		const version3 = 0x20080522
		header, none := [2]uint32{version3}, [6]uint32{} // linux/capability.h; pid 0: this thread
		_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
		if errno != 0 {
			done <- errno
			return
		}
		done <- initOf("tcp://127.0.0.1:1")
	}()
	err := <-done
	if !errors.Is(err, syscall.EACCES) {
		t.Skip("no port takes one here:", err)
	}
	require.ErrorContains(t, err, `listen "tcp://127.0.0.1:1": listen tcp 127.0.0.1:1: bind: permission denied: a port below 1024 takes CAP_NET_BIND_SERVICE`)
}
