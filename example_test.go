package sputnik_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Blocks are usually registered by the init of a package of their own, which the program imports blank.
func init() {
	sputnik.RegisterBlockFactory("uplink", func() *sputnik.Block { return sputnik.BlockOf(new(uplink), sputnik.WithSerialCallbacks()) })
	sputnik.RegisterBlockFactory("countdown", func() *sputnik.Block { return sputnik.BlockOf(new(countdown)) })
}

// countdown is a source: it sends to the uplink, then asks for the finish of the process.
type countdown struct{ connected chan struct{} }

func (c *countdown) Init(sputnik.ConfFactory) error {
	c.connected = make(chan struct{}, 1)
	return nil
}

func (c *countdown) OnServerConnect(sputnik.ServerConnection) { c.connected <- struct{}{} }

func (c *countdown) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	select {
	case <-c.connected:
	case <-ctx.Done():
		return ctx.Err()
	}
	uplink, _ := bc.Communicator("uplink")
	for n := 3; n > 0; n-- {
		uplink.Send(sputnik.Msg{"n": n})
	}
	initiator, _ := bc.Communicator(sputnik.InitiatorResponsibility)
	initiator.Send(sputnik.FinishMsg())
	return nil
}

// uplink is a sink: it takes what it is sent to the server. Its callbacks come one after another: no lock.
type uplink struct{ server string }

func (u *uplink) Init(sputnik.ConfFactory) error { return nil }
func (u *uplink) Run(sputnik.BlockCommunicator)  {}
func (u *uplink) Finish(bool)                    {}

func (u *uplink) OnServerConnect(conn sputnik.ServerConnection) { u.server, _ = conn.(string) }
func (u *uplink) OnMsg(msg sputnik.Msg)                         { fmt.Println(u.server, "hears", msg["n"]) }

// earth is the plug-in that knows the server.
type earth struct{}

func (earth) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) { return "Baikonur", nil }
func (earth) IsConnected() bool                                             { return true }
func (earth) Disconnect()                                                   { fmt.Println("disconnected") }

// A whole sidecar: a source, a sink, and the connection to a server.
func Example() {
	err := sputnik.Fly(
		sputnik.WithConfFactory(func(string, any) error { return nil }), // nothing to configure
		sputnik.WithConnector(earth{}, time.Second),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{
			{Name: "uplink", Responsibility: "uplink"}, // sinks first: they finish last, and nothing is lost
			{Name: "countdown", Responsibility: "countdown"},
		}),
	)
	fmt.Println("stopped:", err)
	// Output:
	// Baikonur hears 3
	// Baikonur hears 2
	// Baikonur hears 1
	// disconnected
	// stopped: <nil>
}
