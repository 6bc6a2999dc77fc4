package sputnik_test

import (
	"context"
	"fmt"

	"github.com/sputnik-go/sputnik"
)

// alone runs one block as a process. Examples have nothing to configure.
func alone(factory sputnik.BlockFactory, opts ...sputnik.SputnikOption) error {
	return sputnik.Fly(append([]sputnik.SputnikOption{
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"example": factory}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "example", Responsibility: "example"}}),
	}, opts...)...)
}

// finish asks for the finish of the process.
func finish(bc sputnik.BlockCommunicator) {
	if initiator, ok := bc.Communicator(sputnik.InitiatorResponsibility); ok {
		initiator.Send(sputnik.FinishMsg())
	}
}

// greeter is a block with all that a block must have, and OnMsg.
type greeter struct{ greeting string }

func (g *greeter) Init(sputnik.ConfFactory) error {
	g.greeting = "hello"
	return nil
}

func (g *greeter) Run(bc sputnik.BlockCommunicator) {
	bc.Send(sputnik.Msg{"name": "world"})
	finish(bc)
}

func (g *greeter) OnMsg(msg sputnik.Msg) { fmt.Println(g.greeting, msg["name"]) }
func (g *greeter) Finish(init bool)      { fmt.Println("finished before it ran:", init) }

func ExampleBlockOf() {
	err := alone(func() *sputnik.Block { return sputnik.BlockOf(new(greeter)) })
	fmt.Println(err)
	// Output:
	// hello world
	// finished before it ran: false
	// <nil>
}

func ExampleNewBlock() {
	err := alone(func() *sputnik.Block {
		stop := make(chan struct{})
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRun(func(bc sputnik.BlockCommunicator) {
				finish(bc)
				<-stop
				fmt.Println("Run returns")
			}),
			sputnik.WithFinish(func(bool) { close(stop) }),
		)
	})
	fmt.Println(err)
	// Output:
	// Run returns
	// <nil>
}

// A block with a context needs no Finish and no channel to stop it, and can fail.
func ExampleWithRunContext() {
	factory := func(run func(ctx context.Context, bc sputnik.BlockCommunicator) error) sputnik.BlockFactory {
		return func() *sputnik.Block {
			return sputnik.NewBlock(
				sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
				sputnik.WithRunContext(run),
			)
		}
	}
	fmt.Println(alone(factory(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		finish(bc)
		<-ctx.Done()
		fmt.Println("told to stop:", context.Cause(ctx))
		return ctx.Err()
	})))
	fmt.Println(alone(factory(func(context.Context, sputnik.BlockCommunicator) error {
		return fmt.Errorf("out of fuel")
	})))
	// Output:
	// told to stop: finish message from block "example"
	// <nil>
	// stopped by: block "example": Run: out of fuel
}

// The communicator is there before any Run, and so before any message.
func ExampleWithAttach() {
	err := alone(func() *sputnik.Block {
		var self sputnik.BlockCommunicator
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				self = bc
				self.Send(sputnik.Msg{"text": "sent before the launch"})
			}),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				return nil
			}),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				fmt.Println(self.Descriptor().Responsibility, "gets what was", msg["text"])
				finish(self)
			}),
		)
	})
	fmt.Println(err)
	// Output:
	// example gets what was sent before the launch
	// <nil>
}

// A mailbox of 2 that refuses what it can't hold, and one that makes room for the newest.
func ExampleWithMailbox() {
	for _, overflow := range []sputnik.Overflow{sputnik.Reject, sputnik.DropOldest} {
		err := alone(func() *sputnik.Block {
			return sputnik.NewBlock(
				sputnik.WithMailbox(2, overflow),
				sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { // nothing is handled before Run
					for n := range 3 {
						fmt.Println("send", n, bc.Send(sputnik.Msg{"n": n}))
					}
				}),
				sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
					finish(bc)
					return nil
				}),
				sputnik.WithOnMsg(func(msg sputnik.Msg) { fmt.Println("handle", msg["n"]) }),
			)
		})
		fmt.Println(err)
	}
	// Output:
	// send 0 true
	// send 1 true
	// send 2 false
	// handle 0
	// handle 1
	// <nil>
	// send 0 true
	// send 1 true
	// send 2 true
	// handle 1
	// handle 2
	// <nil>
}

// Connection news and messages come on one goroutine, so that what they share needs no lock.
func ExampleWithSerialCallbacks() {
	err := alone(func() *sputnik.Block {
		var self sputnik.BlockCommunicator
		var server any
		total := 0
		note := func() {
			if server != nil && total == 100 {
				fmt.Println(total, "messages, connected to", server)
				finish(self)
			}
		}
		return sputnik.NewBlock(
			sputnik.WithSerialCallbacks(),
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
			sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				for range 100 {
					self.Send(sputnik.Msg{})
				}
				return nil
			}),
			sputnik.WithOnConnect(func(conn any) { server = conn; note() }),
			sputnik.WithOnMsg(func(sputnik.Msg) { total++; note() }),
		)
	}, sputnik.WithConnector(earth{}, 0))
	fmt.Println(err)
	// Output:
	// 100 messages, connected to Baikonur
	// disconnected
	// <nil>
}
