package syslog

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestCountersByRequest(t *testing.T) {
	conf := testConf()
	conf.Listen = []string{"127.0.0.1:0", "relp://127.0.0.1:0"}
	f := fly(t, conf, nil)
	c := f.dial(t, "tcp")
	send(t, c, head+"one\nno syslog at all\n")
	f.next(t)
	f.next(t)
	relp := f.relp(t)
	relp.command(t, "syslog", head+"x")
	f.next(t)
	(<-f.done)(nil)
	relp.answer(t)

	f.until(t, func() bool { return f.self.Load() != nil })
	peer, ok := (*f.self.Load()).Communicator(Name)
	require.True(t, ok)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := sputnik.Request(ctx, peer, sputnik.Msg{KeyCommand: CommandCounters})
	require.NoError(t, err)
	got, ok := answer[KeyCounters].(map[string]uint64)
	require.True(t, ok)
	for name, want := range map[string]uint64{
		"lines_received": 3, "lines_tcp": 2, "lines_relp": 1, "lines_udp": 0, "lines_unparsed": 1, "relp_acknowledged": 1,
		"connections_open": 2, "connections_total": 2,
	} {
		assert.Equal(t, want, got[name], name)
	}
	answer, err = sputnik.Request(ctx, peer, sputnik.Msg{KeyCommand: "frobnicate"})
	require.NoError(t, err)
	assert.Contains(t, answer[KeyError], "frobnicate")
	assert.True(t, peer.Send(sputnik.Msg{}), "and what asks for nothing is let pass")
}

func TestReadmeExplainsEachCounterAndKey(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for name := range newReceiver(discard()).snapshot() {
		assert.Contains(t, string(readme), "`"+name+"`")
	}
	for _, name := range confKeys() {
		assert.Contains(t, string(readme), "| `"+name+"` |")
	}
}

// What the kernel drops is counted to the last datagram: sent is taken plus dropped here plus dropped there.
func TestKernelDropsAreCounted(t *testing.T) {
	if !knowsDrops() {
		t.Skip("the kernel doesn't tell")
	}
	const sent = 5000
	conf := testConf()
	conf.UDPBuffer = 64 << 10
	conf.UDPQueue = 100
	gate := make(chan bool)
	f := fly(t, conf, gate)
	c := f.dial(t, "udp")
	text := head + strings.Repeat("x", 1000)
	for range sent {
		send(t, c, text)
	}
	close(gate)
	f.until(t, func() bool {
		return f.count.of(transportUDP).Load()+f.count.queueDropped.Load()+f.count.kernelDropped.Load() == sent
	})
	if f.count.kernelDropped.Load() > 0 {
		f.log.await(t, `WARN msg="datagrams dropped by the kernel`)
	}
	require.NoError(t, f.finish())
	assert.EqualValues(t, sent, f.count.of(transportUDP).Load()+f.count.queueDropped.Load()+f.count.kernelDropped.Load())
	assert.Len(t, f.records, int(f.count.of(transportUDP).Load()))
}

// Before Run nothing is read, so that what doesn't fit the buffer is dropped by the kernel for certain.
func TestKernelDropsBeforeRunAreCounted(t *testing.T) {
	if !knowsDrops() {
		t.Skip("the kernel doesn't tell")
	}
	const sent = 3000
	conf := testConf()
	conf.UDPBuffer = 16 << 10
	r := newReceiver(discard())
	require.NoError(t, r.Init(confOf(conf)))
	defer r.Finish(true)
	f := &flight{receiver: r}
	c := f.dial(t, "udp")
	for range sent {
		send(t, c, head+strings.Repeat("x", 500))
	}
	for _, s := range r.servers {
		s.sample()
		s.sample()
	}
	dropped := r.count.kernelDropped.Load()
	assert.Positive(t, dropped)
	var udp *datagramServer
	for _, s := range r.servers {
		if d, ok := s.(*datagramServer); ok {
			udp = d
		}
	}
	buf, left := make([]byte, 1000), 0
	require.NoError(t, udp.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	for {
		if _, _, err := udp.next(buf); err != nil {
			break
		}
		left++
	}
	assert.Equal(t, sent, left+int(dropped))
}

func knowsDrops() bool { return runtime.GOOS == "linux" && runtime.GOARCH != "386" }
