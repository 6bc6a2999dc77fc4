package syslog

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestTCP(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "tcp")
	before := time.Now()
	counted := "<14>Nov 20 07:30:01 host app: a\nline!"
	send(t, c, fmt.Sprintf("<13>Nov 20 07:30:01 host app: one\n%d %sgarbage\n", len(counted), counted))
	r := f.next(t)
	assert.Equal(t, "one", r.Message)
	assert.Equal(t, "tcp", r.Transport)
	assert.Equal(t, c.LocalAddr().String(), r.Peer)
	assert.False(t, r.Received.Before(before.Truncate(time.Microsecond)), r.Received)
	assert.Equal(t, "a\nline!", f.next(t).Message)
	assert.Equal(t, "garbage", f.next(t).Raw)
}

// A block can be removed from a running process, and another one added in its place.
func TestSinkThatIsGoneAndBack(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "udp")
	send(t, c, "<13>Nov 20 07:30:01 host app: one\n")
	assert.Equal(t, "one", f.next(t).Message)
	require.NoError(t, sputnik.RemoveBlock(t.Context(), f.receiver.self, "sink"))
	send(t, c, "<13>Nov 20 07:30:01 host app: two\n")
	f.until(t, func() bool { return f.count.unsent.Load() == 1 })
	require.NoError(t, sputnik.AddBlock(t.Context(), f.receiver.self, sputnik.BlockDescriptor{Name: "sink", Responsibility: "sink"}))
	send(t, c, "<13>Nov 20 07:30:01 host app: three\n")
	assert.Equal(t, "three", f.next(t).Message)
	require.ErrorContains(t, f.finish(), "1 lines were received and not accepted")
}

func TestUDP(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "udp")
	send(t, c, "<13>Nov 20 07:30:01 host app: one\n")
	r := f.next(t)
	assert.Equal(t, "one", r.Message)
	assert.Equal(t, "udp", r.Transport)
	assert.Equal(t, c.LocalAddr().String(), r.Peer)
	send(t, c, "")
	send(t, c, "\xef\xbb\xbf12 <13>x\ny")
	assert.Equal(t, "12 <13>x\ny", f.next(t).Raw, "a datagram is a line, whatever it looks like")
	require.NoError(t, f.finish())
}

func TestLongestLinePasses(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "tcp")
	text := strings.Repeat("x", 64<<10)
	line := "<13>Nov 20 07:30:01 host app: " + text
	send(t, c, line+"\n")
	assert.Equal(t, text, f.next(t).Message)
	send(t, c, fmt.Sprintf("%d %s", len(line), line))
	r := f.next(t)
	assert.Equal(t, text, r.Message)
	assert.False(t, r.Truncated)
	send(t, c, line+strings.Repeat("y", 64<<10)+"\n<13>Nov 20 07:30:01 host app: next\n")
	assert.True(t, f.next(t).Truncated)
	assert.Equal(t, "next", f.next(t).Message)
}

func TestGigabyteOctetCountEndsTheConnectionAlone(t *testing.T) {
	f := fly(t, testConf(), nil)
	good := f.dial(t, "tcp")
	bad := f.dial(t, "tcp")
	send(t, bad, "<13>Nov 20 07:30:01 host app: before\n1073741824 <13>x")
	awaitClose(t, bad)
	assert.Equal(t, "before", f.next(t).Message)
	send(t, good, "<13>Nov 20 07:30:01 host app: good\n")
	assert.Equal(t, "good", f.next(t).Message)
}

func TestHalfALineAtCloseIsKept(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "tcp")
	send(t, c, "<13>Nov 20 07:30:01 host app: half")
	require.NoError(t, c.Close())
	r := f.next(t)
	assert.Equal(t, "half", r.Message)
	assert.True(t, r.Truncated)
}

func TestSilentClientIsClosedAndHarmsNobody(t *testing.T) {
	conf := testConf()
	conf.Idle = 300 * time.Millisecond
	f := fly(t, conf, nil)
	silent := f.dial(t, "tcp")
	send(t, silent, "<13>Nov 20 07:30:01 host app: hal")
	other := f.dial(t, "tcp")
	send(t, other, "<13>Nov 20 07:30:01 host app: whole\n")
	awaitClose(t, silent)
	got := []string{f.next(t).Message, f.next(t).Message}
	assert.ElementsMatch(t, []string{"whole", "hal"}, got)
}

func TestByteByByte(t *testing.T) {
	f := fly(t, testConf(), nil)
	c := f.dial(t, "tcp")
	counted := "<13>Nov 20 07:30:01 host app: counted"
	for _, b := range []byte("\xef\xbb\xbf<13>Nov 20 07:30:01 host app: slow\n" + fmt.Sprint(len(counted)) + " " + counted) {
		send(t, c, string([]byte{b}))
	}
	assert.Equal(t, "slow", f.next(t).Message)
	assert.Equal(t, "counted", f.next(t).Message)
}

func TestOneConnectionTooMany(t *testing.T) {
	conf := testConf()
	conf.MaxConn = 1
	f := fly(t, conf, nil)
	first := f.dial(t, "tcp")
	send(t, first, "<13>Nov 20 07:30:01 host app: one\n")
	f.next(t)
	second := f.dial(t, "tcp")
	awaitClose(t, second)
	send(t, first, "<13>Nov 20 07:30:01 host app: two\n")
	assert.Equal(t, "two", f.next(t).Message)
	assert.EqualValues(t, 1, f.count.refused.Load())
}

// A full sink stops the reading, so that the sender's writes block: nothing piles up here.
func TestBackPressureReachesTheSender(t *testing.T) {
	for _, transport := range []string{"tcp", "unix", "relp"} {
		t.Run(transport, func(t *testing.T) {
			gate := make(chan bool)
			conf := testConf()
			conf.Listen = []string{transport + "://127.0.0.1:0"}
			if transport == transportUnix {
				conf.Listen = []string{"unix://" + socketPath(t)}
			}
			f := fly(t, conf, gate)
			c := f.dial(t, transport)
			text := head + strings.Repeat("x", 10_000)
			line := text + "\n"
			if transport == transportRELP {
				send(t, c, "1 open 15 commands=syslog\n")
				line = string(appendRELP(nil, 2, relpSyslog, text))
			}
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
			sent := 0
			for {
				n, err := c.Write([]byte(line))
				sent += n
				if err != nil {
					require.ErrorIs(t, err, os.ErrDeadlineExceeded)
					break
				}
			}
			const kernel = 32 << 20 // buffers of both sockets, generously
			assert.Less(t, sent, kernel)
			assert.LessOrEqual(t, f.count.of(transport).Load(), uint64(12), "ten in the mailbox, one in OnMsg, one in Send")
			close(gate)
			for range sent / len(line) {
				f.next(t)
				if transport == transportRELP {
					(<-f.done)(nil)
				}
			}
			require.NoError(t, c.Close())
			require.NoError(t, f.finish())
		})
	}
}

func TestDatagramLargerThanTheBufferIsCut(t *testing.T) {
	conf := testConf()
	conf.Listen = []string{"unixgram://" + socketPath(t)}
	conf.MaxLine = 100_000
	f := fly(t, conf, nil)
	c := f.dial(t, "unixgram")
	send(t, c, head+strings.Repeat("x", 90_000))
	assert.False(t, f.next(t).Truncated)
	send(t, c, head+strings.Repeat("x", 150_000))
	r := f.next(t)
	assert.True(t, r.Truncated)
	assert.Len(t, r.Message, 100_000-len(head))
}

func TestUDPDropsAreCounted(t *testing.T) {
	const sent, queue = 500, 20
	conf := testConf()
	conf.UDPQueue = queue
	gate := make(chan bool)
	f := fly(t, conf, gate)
	c := f.dial(t, "udp")
	for range sent {
		send(t, c, "<13>Nov 20 07:30:01 host app: x")
	}
	gate <- true // it is being served
	close(gate)
	require.NoError(t, f.finish())
	got, dropped := len(f.records), int(f.count.queueDropped.Load())
	assert.Equal(t, sent, got+dropped)
	assert.GreaterOrEqual(t, dropped, 1)
	assert.GreaterOrEqual(t, got, queue)
}

func TestUDPQueueIsBoundedInBytes(t *testing.T) {
	conf := testConf()
	conf.UDPQueueBytes = 1000
	r := newReceiver(slog.New(slog.DiscardHandler))
	r.conf = conf
	s := newDatagramServer(r, nil, socketFile{}, nil)
	for range 5 {
		s.enqueue(datagram{data: make([]byte, 300)})
	}
	assert.Len(t, s.queue, 3)
	assert.EqualValues(t, 2, s.r.count.queueDropped.Load())
}

// What has arrived when the finish begins is still delivered, under back-pressure as well, and however little time the
// drain has: the processor may be busy with others.
func TestFinishDeliversWhatHasArrived(t *testing.T) {
	const lines = 500
	for _, transport := range []string{"tcp", "udp", "unix", "unixgram"} {
		t.Run(transport, func(t *testing.T) {
			conf := testConf()
			conf.Drain = time.Nanosecond
			if strings.HasPrefix(transport, "unix") {
				conf.Listen = []string{transport + "://" + socketPath(t)}
			}
			gate := make(chan bool)
			f := fly(t, conf, gate)
			c := f.dial(t, transport)
			stream := ""
			for i := range lines {
				text := fmt.Sprintf("%s%d\n", head, i)
				if transport == transportUDP || transport == transportUnixgram {
					send(t, c, text)
				}
				stream += text
			}
			if transport == transportTCP || transport == transportUnix {
				send(t, c, stream) // at once: a socket holds few small pieces
			}
			gate <- true // the connection is being served
			close(gate)
			require.NoError(t, f.finish())
			require.Len(t, f.records, lines)
			for i := range lines {
				r := f.next(t)
				assert.Equal(t, fmt.Sprint(i), r.Message)
				assert.False(t, r.Truncated)
			}
		})
	}
}

// The time to drain is over before the first datagram could be read.
func TestDatagramsInTheSocketAreReadAtTheFinish(t *testing.T) {
	const n = 100
	for _, transport := range []string{"udp", "unixgram"} {
		t.Run(transport, func(t *testing.T) {
			conf := testConf()
			conf.Listen = []string{"udp://127.0.0.1:0"}
			datagrams := n
			if transport == transportUnixgram {
				conf.Listen = []string{"unixgram://" + socketPath(t)}
				datagrams = 5 // more would have to wait
			}
			r := newReceiver(discard())
			require.NoError(t, r.Init(confOf(conf)))
			r.sendTo(nobody{})
			r.flush = t.Context()
			c := (&flight{receiver: r}).dial(t, transport)
			send(t, c, "") // an empty one hides nothing
			for range datagrams {
				send(t, c, head+"x")
			}
			r.servers[0].drain(time.Now())
			r.servers[0].serve()
			assert.EqualValues(t, datagrams, r.count.of(transport).Load())
		})
	}
}

// What doesn't end to arrive is read no longer when the block's time is up.
func TestDatagramsAreNotReadWithoutEnd(t *testing.T) {
	r := newReceiver(discard())
	conf := testConf()
	conf.Listen = []string{"udp://127.0.0.1:0"}
	require.NoError(t, r.Init(confOf(conf)))
	send(t, (&flight{receiver: r}).dial(t, transportUDP), head+"x")
	s := r.servers[0].(*datagramServer)
	s.next = func([]byte) (int, datagram, error) { return 0, datagram{}, os.ErrDeadlineExceeded }
	var timeUp context.CancelFunc
	r.flush, timeUp = context.WithCancel(t.Context())
	timeUp()
	s.drain(time.Now().Add(time.Hour))
	s.serve()
}

func TestConnectionIsNotReadWithoutEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	send(t, client, "x")
	c := &conn{r: newReceiver(discard()), raw: server}
	c.readUntil(time.Now())
	assert.Equal(t, runtime.GOOS == "linux", c.extend(), "what has arrived is read")
	c.cutShort()
	assert.False(t, c.extend())
}

func TestFinishTellsWhatTheSinkDidNotTake(t *testing.T) {
	t.Parallel()
	gate := make(chan bool)
	defer close(gate)
	f := fly(t, testConf(), gate)
	c := f.dial(t, "tcp")
	send(t, c, strings.Repeat("<13>Nov 20 07:30:01 host app: x\n", 100))
	gate <- true
	err := f.finish()
	require.ErrorContains(t, err, `lines were received and not accepted by block "sink"`)
}
