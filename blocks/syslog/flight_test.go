package syslog

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

const patience = 30 * time.Second // a test that waits longer has failed

func testConf() Conf {
	conf := DefaultConf()
	conf.Listen = "127.0.0.1:0"
	conf.To = "sink"
	conf.Drain = 50 * time.Millisecond
	conf.Timezone = "UTC"
	return conf
}

// flight is a process of the block under test and a sink.
type flight struct {
	*receiver
	address   string
	records   chan Record // what the sink got
	gate      chan bool   // the sink's OnMsg takes a value of it, once it is not nil
	shootDown func()
	ended     chan error
}

// fly launches a flight. A gate makes the sink take one message for each value.
func fly(t *testing.T, conf Conf, gate chan bool) *flight {
	t.Helper()
	f := &flight{
		receiver: &receiver{log: slog.New(slog.NewTextHandler(t.Output(), nil))},
		records:  make(chan Record, 100_000),
		gate:     gate,
		ended:    make(chan error, 1),
	}
	sink := sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
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
			f.records <- r
		}))
	sp, err := sputnik.NewSputnik(
		sputnik.WithFinishTimeout(5*time.Second),
		sputnik.WithConfFactory(func(_ string, result any) error {
			*result.(*Conf) = conf
			return nil
		}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "sink", Responsibility: "sink"}, {Name: Name, Responsibility: Name}}),
		sputnik.WithBlockFactories(sputnik.BlockFactories{
			"sink": func() *sputnik.Block { return sink },
			Name: func() *sputnik.Block {
				return sputnik.BlockOf(f.receiver, sputnik.WithBlockFinishTimeout(2*time.Second))
			},
		}))
	require.NoError(t, err)
	launch, shootDown, err := sp.Prepare()
	require.NoError(t, err)
	f.shootDown = shootDown
	f.address = f.tcp.listener.Addr().String()
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

func (f *flight) dial(t *testing.T, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, f.address)
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
