package sputniktest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// greeter is the block under test: it sends a line to the uplink whenever a connection comes up.
type greeter struct{ uplink sputnik.BlockCommunicator }

func newGreeter() *sputnik.Block { return sputnik.BlockOf(new(greeter)) }

func (g *greeter) Init(sputnik.ConfFactory) error { return nil }

func (g *greeter) Attach(bc sputnik.BlockCommunicator) { g.uplink, _ = bc.Communicator("uplink") }

func (g *greeter) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	return ctx.Err()
}

func (g *greeter) OnServerConnect(conn sputnik.ServerConnection) {
	g.uplink.Send(sputnik.Msg{"text": fmt.Sprint("hello, ", conn)})
}

// In a test file this is func TestGreeter(t *testing.T), and one line.
func ExampleBlock() {
	ok := test(func(t *testing.T) {
		sputniktest.Block(t, newGreeter, sputniktest.WithPeer("uplink", new(sputniktest.Recorder).Factory))
	})
	fmt.Println("passes:", ok)
	// Output:
	// passes: true
}

// The plug-in under test is, for want of a better one, that of the scripted server.
func ExampleConnector() {
	ok := test(func(t *testing.T) {
		var s *sputniktest.Server
		sputniktest.Connector(
			t, func() sputnik.ServerConnector { s = sputniktest.NewServer(t); return s },
			sputniktest.WithOutage(func() { s.Down() }, func() { s.Up() }),
		)
	})
	fmt.Println("passes:", ok)
	// Output:
	// passes: true
}

// A whole process, its server, and a recorder in place of the block that the greeter talks to.
func ExampleFlight() {
	test(func(t *testing.T) {
		server := sputniktest.NewServer(t).Serve(func(n int) sputnik.ServerConnection { return fmt.Sprint("server ", n) })
		var uplink sputniktest.Recorder

		f := sputniktest.New(t, sputnik.WithConnector(server, time.Second)).
			Add("uplink", uplink.Factory).
			Add("greeter", newGreeter).
			Launch()

		fmt.Println(uplink.AwaitMessages(t, 1)[0]["text"])
		fmt.Println("stopped:", f.Stop())
		fmt.Println(uplink.Callbacks())
	})
	// Output:
	// hello, server 1
	// stopped: <nil>
	// [Init Attach Run OnMsg Finish]
}

// The server breaks the connection, and refuses another one for a while.
func ExampleServer() {
	test(func(t *testing.T) {
		server := sputniktest.NewServer(t)
		var client sputniktest.Recorder
		f := sputniktest.New(t, sputnik.WithConnector(server, time.Millisecond)).Add("client", client.Linked).Launch().Ready()

		server.Down()
		fmt.Println("lost:", sputniktest.Await[sputnik.ConnectionLost](f).Err)
		fmt.Println("refused:", sputniktest.Await[sputnik.ConnectFailed](f).Err)
		server.Up()
		again := client.Await(t, "OnServerConnect", 2)
		fmt.Println("connection:", again.Connection.(*sputniktest.Conn).Number)
		fmt.Println("stopped:", f.Stop())
	})
	// Output:
	// lost: sputniktest: the connection is broken
	// refused: sputniktest: the server is down
	// connection: 2
	// stopped: <nil>
}

// A signal, and the reason that the process gives for its end.
func ExampleSignals() {
	test(func(t *testing.T) {
		f := sputniktest.New(t).Add("echo", sputniktest.Echo).Launch()
		f.Signals.Terminate()
		fmt.Println(f.Wait(), "after", f.Status().Cause)
	})
	// Output:
	// <nil> after signal terminated
}
