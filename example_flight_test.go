package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/sputnik-go/sputnik"
)

// brief makes a block that asks for the finish as soon as it runs.
func brief() *sputnik.Block {
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithRunContext(func(_ context.Context, bc sputnik.BlockCommunicator) error {
			finish(bc)
			return nil
		}),
	)
}

// Any block may end the process, in the order in which a signal would end it.
func ExampleFinishMsg() {
	err := alone(func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRun(func(bc sputnik.BlockCommunicator) {
				initiator, _ := bc.Communicator(sputnik.InitiatorResponsibility)
				fmt.Println("accepted:", initiator.Send(sputnik.FinishMsg()))
				fmt.Println("a forgery:", initiator.Send(sputnik.Msg{"__sputnik": "finish"}))
			}),
			sputnik.WithFinish(func(bool) {}),
		)
	})
	fmt.Println(err)
	// Output:
	// accepted: true
	// a forgery: false
	// <nil>
}

// All faults of a set-up are reported at once, and before any Init.
func ExampleNewSputnik() {
	_, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"brief": brief}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{
			{Name: "brief", Responsibility: "one"},
			{Name: "brief", Responsibility: "one"},
			{Name: "unknown", Responsibility: "two"},
		}),
	)
	setup, _ := errors.AsType[*sputnik.SetupError](err)
	for _, fault := range setup.Faults {
		fmt.Println(fault)
	}
	// Output:
	// block 3 ("one" (brief)): responsibility is taken by block 2
	// block 4 ("two" (unknown)): no factory of that name in WithBlockFactories
}

// The three steps that Fly takes in one. Shooting down works at any time, even before the launch.
func ExampleSputnik_Prepare() {
	sp, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"greeter": func() *sputnik.Block { return sputnik.BlockOf(new(greeter)) }}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "greeter", Responsibility: "greeter"}}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	launch, shootDown, err := sp.Prepare()
	if err != nil {
		fmt.Println(err)
		return
	}
	shootDown()
	fmt.Println(launch())
	// Output:
	// finished before it ran: true
	// <nil>
}

// The error of a flight can be taken apart.
func ExampleFlightError() {
	err := alone(func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				return fmt.Errorf("reading the sensor: %w", os.ErrDeadlineExceeded)
			}),
		)
	})
	block, ok := errors.AsType[*sputnik.BlockError](err)
	fmt.Println(ok, block.Block.Responsibility, block.Callback)
	fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
	// Output:
	// true example Run
	// true
}

// An observer gets every event in order.
func ExampleWithObserver() {
	_ = alone(brief, sputnik.WithObserver(func(e sputnik.Event) {
		switch e := e.(type) {
		case sputnik.BlockInitialised:
			fmt.Println(e.Block, "is initialised")
		case sputnik.BlockFinished:
			fmt.Println(e.Block, "is finished")
		case sputnik.ProcessFinished:
			fmt.Println("stopped by:", e.Cause)
			fmt.Println("launch returns:", e.Err)
		}
	}))
	// Output:
	// "finisher" is initialised
	// "example" is initialised
	// "example" is finished
	// "finisher" is finished
	// stopped by: finish message from block "example"
	// launch returns: <nil>
}

func ExampleWithLogger() {
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelError, ReplaceAttr: plain}))
	_ = alone(func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return errors.New("no antenna") }),
			sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return nil }),
		)
	}, sputnik.WithLogger(log))
	// Output:
	// level=ERROR msg="block failed" block=example error="block \"example\" (2 of 2): Init: no antenna"
	// level=ERROR msg="process finished" cause="block \"example\" (2 of 2): Init: no antenna" error="block \"example\" (2 of 2): Init: no antenna"
}

// A block reads how its process is. The host has Status of its Sputnik for that.
func ExampleStatusOf() {
	_ = alone(func() *sputnik.Block {
		var self sputnik.BlockCommunicator
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				self = bc
				s, _ := sputnik.StatusOf(self)
				fmt.Println("ready:", s.Ready, "reason:", s.Reason)
			}),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				s, _ := sputnik.StatusOf(self)
				fmt.Println("ready:", s.Ready, "reason:", s.Reason)
				return nil
			}),
			sputnik.WithOnConnect(func(any) {
				s, _ := sputnik.StatusOf(self)
				fmt.Println("ready:", s.Ready, "connection:", s.Connection.State)
				finish(self)
			}),
		)
	}, sputnik.WithConnector(earth{}, 0))
	// Output:
	// ready: false reason: the blocks are being initialised
	// ready: true connection: connected
	// ready: false reason: stopping: finish message from block "example"
	// disconnected
}

// A host that handles signals by itself brings its own finisher.
func ExampleWithFinisher() {
	leave := make(chan struct{}) // closed by the host
	finisher := func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				select {
				case <-leave:
					initiator, _ := bc.Communicator(sputnik.InitiatorResponsibility)
					initiator.Send(sputnik.FinishMsg())
				case <-ctx.Done():
				}
				return nil
			}),
		)
	}
	worker := func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				fmt.Println("working")
				close(leave) // the host has had enough
				<-ctx.Done()
				fmt.Println("stopped by", context.Cause(ctx))
				return nil
			}),
		)
	}
	err := sputnik.Fly(
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"host": finisher, "worker": worker}),
		sputnik.WithFinisher(sputnik.BlockDescriptor{Name: "host", Responsibility: "finisher"}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "worker", Responsibility: "worker"}}),
	)
	fmt.Println(err)
	// Output:
	// working
	// stopped by finish message from block "finisher"
	// <nil>
}

// The end of a context finishes the process in order, as a signal does.
func ExampleWithContext() {
	ctx, cancel := context.WithCancelCause(context.Background())
	err := alone(func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				cancel(errors.New("maintenance"))
				<-ctx.Done()
				fmt.Println(context.Cause(ctx))
				return nil
			}),
		)
	}, sputnik.WithContext(ctx))
	fmt.Println(err)
	// Output:
	// context ended: maintenance
	// <nil>
}
