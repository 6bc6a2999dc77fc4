package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

// resident is the memory that a process holds, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	match := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, match)
	kB, err := strconv.Atoi(string(match[1]))
	require.NoError(t, err)
	return kB << 10
}

// kernelDrops is how many datagrams the kernel has dropped for want of room in the socket of that port.
func kernelDrops(t *testing.T, port int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/udp")
	require.NoError(t, err)
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
			n, err := strconv.Atoi(fields[len(fields)-1])
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no such socket")
	return 0
}

// The broker stands still: TCP senders are held up, UDP is dropped and counted, the memory stays as it is. When the broker
// goes on, nothing of TCP is missing, and UDP adds up.
func TestBrokerStalled(t *testing.T) {
	const senders = 2
	datagrams, grown := 50_000, 96<<20
	if *long {
		datagrams = 2_000_000
	}
	server := brokertest.Start(t)
	p := execute(t, append(external(server), "S2N_NATS_ACK_TIMEOUT=1s"))
	_, line := p.stderr.await(t, 0, "msg=ready")
	warm := sendLoad(t, p, senders, 10_000, 0, 200) // buffers, stacks and the heap are as large as traffic makes them
	warm.finish(t)
	before := resident(t, p.pid)

	server.Freeze(t)
	_, line = p.stderr.await(t, line, `msg="not ready`)
	lines := fill(t, p, senders)
	udp := p.dial(t, "udp").(*net.UDPConn)
	for n := range datagrams {
		send(t, udp, fmt.Sprintf("%sdatagram %d", header, n))
	}
	p.stderr.await(t, line, "datagrams dropped")
	after := resident(t, p.pid)
	lost := kernelDrops(t, udp.RemoteAddr().(*net.UDPAddr).Port)
	t.Logf("memory: %d MB in traffic, %d MB with the broker stalled", before>>20, after>>20)
	assert.Less(t, after-before, grown)

	server.Thaw(t)
	p.stderr.await(t, line, "msg=ready")
	lines.finish(t)
	p.kill(syscall.SIGTERM)
	require.Zero(t, p.exit(t))
	tcp, stored := p.total(t, "received in all", "lines_tcp"), p.total(t, "received in all", "lines_udp")
	dropped, byKernel := p.total(t, "received in all", "datagrams_dropped_queue"), p.total(t, "received in all", "datagrams_dropped_kernel")
	t.Logf("UDP: %d sent = %d stored + %d dropped + %d dropped by the kernel, as it reports", datagrams, stored, dropped, byKernel)
	assert.Equal(t, datagrams, stored+dropped+byKernel)
	assert.Equal(t, lost, byKernel)
	assert.Positive(t, dropped)
	s := openStream(t, server.URL)
	assert.Equal(t, tcp+stored, s.count(t))
	assert.Equal(t, 10_000+lines.total(), tcp)
}

// filled is connections that were written to until they took no more.
type filled struct {
	conns []net.Conn
	rest  []string // of the line that was not taken as a whole
	lines int
}

// fill sends on each connection until the sender is held up for half a second.
func fill(t *testing.T, p *process, conns int) *filled {
	t.Helper()
	f := new(filled)
	const bound = 1 << 20 // lines
	for range conns {
		c := p.dial(t, "tcp")
		for {
			text := fmt.Sprintf("%s%d %s\n", header, f.lines, strings.Repeat("x", 200))
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Second/2)))
			n, err := c.Write([]byte(text))
			f.lines++
			require.Less(t, f.lines, bound, "the sender is never held up")
			if err != nil {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				f.conns, f.rest = append(f.conns, c), append(f.rest, text[n:])
				break
			}
		}
	}
	return f
}

func (f *filled) total() int { return f.lines }

func (f *filled) finish(t *testing.T) {
	t.Helper()
	for i, c := range f.conns {
		require.NoError(t, c.SetWriteDeadline(time.Time{}))
		send(t, c, f.rest[i])
		accepted(t, c)
	}
}
