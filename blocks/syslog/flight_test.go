package syslog

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

const patience = 30 * time.Second // a test that waits longer has failed

func testConf() Conf {
	conf := DefaultConf()
	conf.Listen = []string{"127.0.0.1:0"}
	conf.To = "sink"
	conf.Drain = 50 * time.Millisecond
	conf.Timezone = "UTC"
	return conf
}

// flight is a process of the block under test and a sink.
type flight struct {
	*receiver
	log       *logBuffer
	records   chan Record                               // what the sink got
	done      chan func(error)                          // of those that came by RELP
	self      atomic.Pointer[sputnik.BlockCommunicator] // the sink's own handle
	gate      chan bool                                 // the sink's OnMsg takes a value of it, once it is not nil
	shootDown func()
	ended     chan error
}

// fly launches a flight. A gate makes the sink take one message for each value.
func fly(t *testing.T, conf Conf, gate chan bool) *flight {
	t.Helper()
	return flyFor(t, conf, gate, 2*time.Second)
}

// flyFor gives the block another limit for its finish.
func flyFor(t *testing.T, conf Conf, gate chan bool, limit time.Duration) *flight {
	t.Helper()
	log := &logBuffer{also: t.Output()}
	f := &flight{
		receiver: newReceiver(slog.New(slog.NewTextHandler(log, nil))),
		log:      log,
		records:  make(chan Record, 100_000),
		done:     make(chan func(error), 100_000),
		gate:     gate,
		ended:    make(chan error, 1),
	}
	sink := func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { f.self.Store(&bc) }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
			sputnik.WithMailbox(10, sputnik.Wait),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				if f.gate != nil {
					<-f.gate
				}
				var r Record
				if err := json.Unmarshal(msg[KeyData].([]byte), &r); err != nil {
					panic(err)
				}
				if r.Subject() != msg[KeySubject] {
					panic(r.Subject())
				}
				fields, ok := msg[KeyFields].(interface {
					Field(name string) (string, bool)
				})
				if peer, _ := fields.Field("peer"); !ok || peer != r.Peer {
					panic("fields")
				}
				f.records <- r
				if done, ok := msg[KeyDone].(func(error)); ok {
					f.done <- done
				}
			}))
	}
	sp, err := sputnik.NewSputnik(
		sputnik.WithFinishTimeout(limit+3*time.Second),
		sputnik.WithConfFactory(func(_ string, result any) error {
			*result.(*Conf) = conf
			return nil
		}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "sink", Responsibility: "sink"}, {Name: Name, Responsibility: Name}}),
		sputnik.WithBlockFactories(sputnik.BlockFactories{
			"sink": sink,
			Name: func() *sputnik.Block {
				return sputnik.BlockOf(f.receiver, sputnik.WithBlockFinishTimeout(limit))
			},
		}))
	require.NoError(t, err)
	launch, shootDown, err := sp.Prepare()
	require.NoError(t, err)
	f.shootDown = shootDown
	go func() { f.ended <- launch() }()
	t.Cleanup(func() {
		f.shootDown()
		if f.ended != nil {
			<-f.ended
		}
	})
	return f
}

func (f *flight) finish() error {
	f.shootDown()
	err := <-f.ended
	f.ended = nil
	return err
}

// address is where a transport is listened for.
func (f *flight) address(t *testing.T, transport string) string {
	t.Helper()
	for _, s := range f.servers {
		if got, address := s.address(); got == transport {
			return address
		}
	}
	require.Fail(t, "not listened for", transport)
	return ""
}

func (f *flight) dial(t *testing.T, transport string) net.Conn {
	t.Helper()
	network := transport
	if strings.HasPrefix(transport, transportRELP) || transport == transportTLS {
		network = "tcp"
	}
	c, err := net.Dial(network, f.address(t, transport))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func (f *flight) next(t *testing.T) Record {
	t.Helper()
	select {
	case r := <-f.records:
		return r
	case <-time.After(patience):
		require.Fail(t, "no record")
		return Record{}
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

// awaitClose returns when the server has closed the connection.
func awaitClose(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// logBuffer keeps what was logged.
type logBuffer struct {
	also io.Writer
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p)
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return b.also.Write(p)
}

// await returns the first line that matches.
func (b *logBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.After(patience)
	for {
		b.mu.Lock()
		text := b.text.String()
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		for line := range strings.Lines(text) {
			if re.MatchString(line) {
				return line
			}
		}
		select {
		case <-more:
		case <-limit:
			require.Fail(t, "not logged", pattern)
		}
	}
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// until waits for what the block does by itself.
func (f *flight) until(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			require.Fail(t, "it doesn't happen")
		}
	}
}

// nobody takes every message and forgets it.
type nobody struct{}

func (nobody) Communicator(string) (sputnik.BlockCommunicator, bool) { return nil, false }
func (nobody) Descriptor() sputnik.BlockDescriptor                   { return sputnik.BlockDescriptor{} }
func (nobody) Send(sputnik.Msg) bool                                 { return true }
