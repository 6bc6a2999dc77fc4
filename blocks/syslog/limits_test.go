package syslog

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const head = "<13>Nov 20 07:30:01 host app: "

func TestLimitOfConnectionsPerPeer(t *testing.T) {
	t.Parallel()
	conf := testConf()
	conf.MaxConnPerPeer = 2
	f := fly(t, conf, nil)
	first := f.dial(t, "tcp")
	second := f.dial(t, "tcp")
	for _, c := range []net.Conn{first, second} {
		send(t, c, head+"one\n")
		f.next(t)
	}
	awaitClose(t, f.dial(t, "tcp"))
	assert.EqualValues(t, 1, f.count.refusedPeer.count.Load())
	f.log.await(t, `WARN.*max_conn_per_peer reached.*times=1.*last=127\.0\.0\.1`)

	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := other.Dial("tcp", f.address(t, "tcp"))
	require.NoError(t, err)
	defer c.Close()
	send(t, c, head+"another peer\n")
	assert.Equal(t, "another peer", f.next(t).Message)

	require.NoError(t, first.Close())
	f.until(t, func() bool { return f.crowd.open() == 2 })
	again := f.dial(t, "tcp")
	send(t, again, head+"again\n")
	assert.Equal(t, "again", f.next(t).Message)
}

// A client that begins a line and sends a byte now and then is closed, though it is never idle for long.
func TestSlowLoris(t *testing.T) {
	conf := testConf()
	conf.FrameTimeout = 150 * time.Millisecond
	f := fly(t, conf, nil)
	for _, begin := range []string{head, "500 " + head, "\xef\xbb", "77"} {
		c := f.dial(t, "tcp")
		began := time.Now()
		send(t, c, begin)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_, _ = c.Read(make([]byte, 1))
		}()
		tick := time.NewTicker(10 * time.Millisecond)
		for open := true; open; {
			select {
			case <-tick.C:
				_, _ = c.Write([]byte("1"))
			case <-closed:
				open = false
			}
		}
		tick.Stop()
		assert.GreaterOrEqual(t, time.Since(began), conf.FrameTimeout)
		r := f.next(t)
		assert.True(t, r.Truncated, "what it has sent is kept")
	}
	assert.EqualValues(t, 4, f.count.slow.Load())
	f.log.await(t, `WARN msg="connection closed: a line was begun and not completed in time" frame_timeout=150ms peer=127`)
}

// One that completes its lines is not, however long it takes for many.
func TestSlowButSteadyIsServed(t *testing.T) {
	t.Parallel()
	conf := testConf()
	conf.FrameTimeout = time.Second
	f := fly(t, conf, nil)
	c := f.dial(t, "tcp")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	send(t, c, head)
	for i := range 15 {
		<-tick.C
		send(t, c, fmt.Sprintf("%d\n%s", i, head)) // one ends, the next one begins
		assert.Equal(t, fmt.Sprint(i), f.next(t).Message)
	}
}

// The time that the receiving block holds a connection up isn't the sender's.
func TestBackPressureIsNotSlowness(t *testing.T) {
	t.Parallel()
	conf := testConf()
	conf.FrameTimeout = 400 * time.Millisecond
	gate := make(chan bool)
	f := fly(t, conf, gate)
	c := f.dial(t, "tcp")
	send(t, c, strings.Repeat(head+"x\n", 20)+head+"ha")
	<-time.After(2 * conf.FrameTimeout)
	send(t, c, "lf\n")
	close(gate)
	for range 20 {
		assert.Equal(t, "x", f.next(t).Message)
	}
	r := f.next(t)
	assert.Equal(t, "half", r.Message)
	assert.False(t, r.Truncated)
}

func TestEndlessLineIsCutAndClosed(t *testing.T) {
	conf := testConf()
	conf.FrameTimeout = 100 * time.Millisecond
	conf.MaxLine = 1000
	f := fly(t, conf, nil)
	c := f.dial(t, "tcp")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			if _, err := c.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
		}
	}()
	<-closed
	r := f.next(t)
	assert.Len(t, r.Raw, 1000)
	assert.True(t, r.Truncated)
}

func TestGarbageHarmsNobody(t *testing.T) {
	f := fly(t, testConf(), nil)
	good := f.dial(t, "tcp")
	for _, garbage := range []string{
		"\x00\x00\x00\x00", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "99999999999999999999 <",
		"4294967296 <13>x", "-1 <13>x", strings.Repeat("\xff", 100_000), "1 open 5 relp\n",
	} {
		c := f.dial(t, "tcp")
		send(t, c, garbage)
		require.NoError(t, c.Close())
		u := f.dial(t, "udp")
		if len(garbage) < 60_000 {
			send(t, u, garbage)
		}
	}
	f.until(t, func() bool { return f.crowd.open() == 1 })
	send(t, good, head+"good\n")
	for r := f.next(t); r.Message != "good"; r = f.next(t) {
		assert.Equal(t, "unparsed", r.Format)
	}
	require.NoError(t, f.finish())
}

// A peer that fails again and again can't fill the disk with log lines about it.
func TestPeersCannotFloodTheLog(t *testing.T) {
	t.Parallel()
	const times = 300
	f := fly(t, testConf(), nil)
	for range times {
		c := f.dial(t, "tcp")
		send(t, c, "4294967296 <13>x")
		awaitClose(t, c)
	}
	logged := strings.Count(f.log.String(), "octet count")
	suppressed := int(f.count.unlogged.Load())
	assert.Equal(t, times, logged+suppressed)
	assert.Positive(t, suppressed)
	f.log.await(t, "log lines of connections suppressed")
}

func TestPeersCannotWriteLongLogLines(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.dial(t, transportRELP)
	send(t, c, string(appendRELP(nil, 1, relpOpen, "commands="+strings.Repeat("x", 10_000))))
	assert.Less(t, len(f.log.await(t, "doesn't offer the command syslog")), 1000)
}

func TestManyConnections(t *testing.T) {
	n := 1500
	if *long {
		n = 9000 // both ends are in this process: twice as many files
	}
	if limit, known := openFiles(); known && limit < uint64(2*n+200) {
		n = int(limit-200) / 2
	}
	conf := testConf()
	conf.MaxConn = n
	f := flyFor(t, conf, nil, patience)
	conns := make([]net.Conn, n)
	var dialling sync.WaitGroup
	for part := range 8 {
		dialling.Go(func() {
			for i := part; i < n; i += 8 {
				conns[i] = f.dial(t, "tcp")
				send(t, conns[i], head+"half") // each with a half line in its buffer
			}
		})
	}
	dialling.Wait()
	f.until(t, func() bool { return f.crowd.open() == n })
	awaitClose(t, f.dial(t, "tcp"))
	for i, c := range conns {
		send(t, c, fmt.Sprintf(" and %d\n", i))
	}
	seen := map[string]bool{}
	for range n {
		r := f.next(t)
		assert.False(t, r.Truncated)
		seen[r.Message] = true
	}
	assert.Len(t, seen, n)
	require.NoError(t, f.finish())
	assert.EqualValues(t, n, f.count.of(transportTCP).Load())
}

func TestReportsEachLossOnceWithItsNumber(t *testing.T) {
	var out strings.Builder
	r := newReceiver(slog.New(slog.NewTextHandler(&out, nil)))
	r.conf = testConf()
	losses := r.losses()
	r.report(losses)
	assert.Empty(t, out.String())
	for range 30 {
		r.count.accept.note("too many open files")
	}
	r.count.unsent.Add(2)
	r.report(losses)
	r.report(losses)
	assert.Contains(t, out.String(), `msg="lines not accepted by the receiving block" times=2 total=2 to=sink`)
	assert.Contains(t, out.String(), `msg="accept failed" times=30 total=30 last="too many open files"`)
	assert.Equal(t, 2, strings.Count(out.String(), "\n"))
}
