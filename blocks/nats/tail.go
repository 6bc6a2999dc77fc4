package nats

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/sputnik-go/sputnik"
)

// TailName is the name under which the tail block is registered.
const TailName = "nats.tail"

// tailLimit bounds, at finish, the printing of what was stored until then.
const tailLimit = 2 * time.Second

func init() {
	sputnik.RegisterBlockFactory(TailName, func() *sputnik.Block { return NewTail(slog.Default(), os.Stdout) })
}

// NewTail makes the block "nats.tail", which prints on out each message that is stored from now on. List it first: then it
// is finished last and prints what the others still store.
func NewTail(log *slog.Logger, out io.Writer) *sputnik.Block {
	return sputnik.BlockOf(&tail{
		log:     log.With("block", TailName),
		out:     out,
		links:   make(chan *Connection),
		stopped: make(chan struct{}),
	})
}

type tail struct {
	log     *slog.Logger
	out     io.Writer
	links   chan *Connection // nil: the connection is gone
	stopped chan struct{}    // closed by Run
}

// Init needs no configuration.
func (t *tail) Init(sputnik.ConfFactory) error { return nil }

// OnServerConnect hands the connection to Run.
func (t *tail) OnServerConnect(conn sputnik.ServerConnection) {
	if c, ok := conn.(*Connection); ok {
		t.tell(c)
	}
}

// OnServerDisconnect takes it away.
func (t *tail) OnServerDisconnect() { t.tell(nil) }

func (t *tail) tell(c *Connection) {
	select {
	case t.links <- c:
	case <-t.stopped:
	}
}

// Run prints until ctx ends, and then up to the end of the stream as it is by then.
func (t *tail) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	defer close(t.stopped)
	reader := &tailReader{log: t.log, messages: make(chan tailed), failed: make(chan error, 1)}
	defer reader.detach()
	for {
		select {
		case conn := <-t.links:
			reader.attach(conn)
		case msg := <-reader.messages:
			if err := reader.print(t.out, msg); err != nil {
				return err
			}
		case err := <-reader.failed:
			reader.conn.Fail(fmt.Errorf("%s: %w", TailName, err))
			reader.detach()
		case <-ctx.Done():
			return t.rest(reader)
		}
	}
}

// rest prints what is stored and not yet printed.
func (t *tail) rest(r *tailReader) error {
	if r.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tailLimit)
	defer cancel()
	info, err := r.conn.Stream.Info(ctx)
	if err != nil {
		t.log.Warn("end of the stream unknown", "error", err)
		return nil
	}
	for r.last < info.State.LastSeq {
		select {
		case msg := <-r.messages:
			if err := r.print(t.out, msg); err != nil {
				return err
			}
		case <-t.links:
			return nil
		case err := <-r.failed:
			t.log.Warn("not everything printed", "last", r.last, "stored", info.State.LastSeq, "error", err)
			return nil
		case <-ctx.Done():
			t.log.Warn("not everything printed", "last", r.last, "stored", info.State.LastSeq)
			return nil
		}
	}
	return nil
}
