// Command quickstart is a whole sidecar: two blocks, a connection to a server, and a clean end.
//
//	go run ./examples/quickstart
//
// Stop it by Ctrl-C or SIGTERM. It exits with 0 after a clean finish, with 1 and the reason after any other end.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/sputnik-go/sputnik"
)

func init() {
	sputnik.RegisterBlockFactory("uplink", func() *sputnik.Block { return sputnik.BlockOf(new(uplink), sputnik.WithSerialCallbacks()) })
	sputnik.RegisterBlockFactory("ticker", func() *sputnik.Block { return sputnik.BlockOf(new(ticker)) })
}

// ticker is a source: it sends the time to the uplink until the process finishes.
type ticker struct{ Every time.Duration }

func (t *ticker) Init(cf sputnik.ConfFactory) error { return cf("ticker", t) }

func (t *ticker) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	uplink, _ := bc.Communicator("uplink")
	for {
		select {
		case now := <-time.After(t.Every):
			uplink.Send(sputnik.Msg{"line": now.Format(time.TimeOnly)})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// uplink is a sink: it takes lines to the server. Its callbacks come one after another, so it needs no lock.
type uplink struct{ server *client }

func (u *uplink) Init(sputnik.ConfFactory) error                       { return nil }
func (u *uplink) Run(context.Context, sputnik.BlockCommunicator) error { return nil } // the callbacks do it all
func (u *uplink) OnServerConnect(conn sputnik.ServerConnection)        { u.server, _ = conn.(*client) }

func (u *uplink) OnMsg(msg sputnik.Msg) {
	line, _ := msg["line"].(string)
	reply, err := u.server.Ask(line)
	log.Printf("asked %q, reply %q, error: %v", line, reply, err)
}

func fly(ctx context.Context, addr string, stderr io.Writer) error {
	return sputnik.Fly(
		sputnik.WithContext(ctx),
		sputnik.WithConfFactory(configuration),
		sputnik.WithConnector(&connector{addr: addr}, time.Second),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{ // sinks first: they finish last, and nothing is lost
			{Name: "uplink", Responsibility: "uplink"},
			{Name: "ticker", Responsibility: "ticker"},
		}),
		sputnik.WithLogger(slog.New(slog.NewTextHandler(stderr, nil))),
	)
}

func main() {
	err := besideServer(func(addr string) error { return fly(context.Background(), addr, os.Stderr) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
