package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik"
)

// together runs several blocks as a process, each under its responsibility.
func together(blocks crew, opts ...sputnik.SputnikOption) error {
	return sputnik.Fly(append(blocks.options(), opts...)...)
}

// running makes factories of blocks that have nothing to initialise.
func running(run func(context.Context, sputnik.BlockCommunicator) error, opts ...sputnik.BlockOption) sputnik.BlockFactory {
	return func() *sputnik.Block {
		return sputnik.NewBlock(append(opts, sputnik.WithInit(noInit), sputnik.WithRunContext(run))...)
	}
}

// A block asks another one and waits for the answer.
func ExampleRequest() {
	atlas := running(untilDone, sputnik.WithOnMsg(func(msg sputnik.Msg) {
		capitals := map[any]string{"France": "Paris", "Latvia": "Riga"}
		_ = sputnik.Reply(msg, sputnik.Msg{"capital": capitals[msg["country"]]}) // an asker that is gone is no fault
	}))
	pupil := running(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		defer finish(bc)
		atlas, _ := bc.Communicator("atlas")
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		answer, err := sputnik.Request(ctx, atlas, sputnik.Msg{"country": "Latvia"})
		fmt.Println(answer["capital"], err)
		return err
	})
	fmt.Println(together(crew{{"atlas", atlas}, {"pupil", pupil}}))
	// Output:
	// Riga <nil>
	// <nil>
}

// A request that can't be answered fails, with the reason.
func ExampleRequestError() {
	deaf := running(untilDone) // no OnMsg
	silent := running(untilDone, sputnik.WithOnMsg(func(sputnik.Msg) {}))
	pupil := running(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		defer finish(bc)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		for _, resp := range []string{"deaf", "silent", "nobody"} {
			to, _ := bc.Communicator(resp)
			_, err := sputnik.Request(ctx, to, sputnik.Msg{})
			fmt.Println(err)
			if resp == "deaf" {
				fmt.Println(errors.Is(err, sputnik.ErrNoOnMsg))
			}
		}
		return nil
	})
	fmt.Println(together(crew{{"deaf", deaf}, {"silent", silent}, {"pupil", pupil}}))
	// Output:
	// request to block "deaf": the block has no OnMsg
	// true
	// request to block "silent": context deadline exceeded
	// request: no such block
	// <nil>
}

// A request may be sent on, and is answered by whoever has it. Only one answer arrives.
func ExampleReply() {
	again := make(chan error, 1)
	clerk := running(untilDone, sputnik.WithOnMsg(func(msg sputnik.Msg) {
		_ = sputnik.Reply(msg, sputnik.Msg{"text": "granted"})
		again <- sputnik.Reply(msg, sputnik.Msg{"text": "refused"})
	}))
	office := func() *sputnik.Block {
		var self sputnik.BlockCommunicator
		return sputnik.NewBlock(
			sputnik.WithInit(noInit),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
			sputnik.WithRunContext(untilDone),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				clerk, _ := self.Communicator("clerk")
				clerk.Send(msg)
			}),
		)
	}
	citizen := running(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		defer finish(bc)
		office, _ := bc.Communicator("office")
		answer, err := sputnik.Request(ctx, office, sputnik.Msg{"wish": "a garden"})
		fmt.Println(answer["text"])
		fmt.Println(<-again)
		return err
	})
	fmt.Println(together(crew{{"clerk", clerk}, {"office", office}, {"citizen", citizen}}))
	// Output:
	// granted
	// the message is answered already
	// <nil>
}

// Each receiver gets a copy of its own.
func ExampleBroadcast() {
	listener := func(name string) sputnik.BlockFactory {
		return running(untilDone, sputnik.WithOnMsg(func(msg sputnik.Msg) {
			msg["by"] = name
			fmt.Println(msg["text"], "heard by", msg["by"])
		}))
	}
	radio := running(func(_ context.Context, bc sputnik.BlockCommunicator) error {
		msg := sputnik.Msg{"text": "liftoff"}
		accepted, refused := sputnik.Broadcast(bc, msg, nil)
		fmt.Println("accepted:", accepted, "refused:", refused, "the sender keeps:", msg)
		accepted, _ = sputnik.Broadcast(bc, sputnik.Msg{"text": "beep"}, func(d sputnik.BlockDescriptor) bool {
			return d.Responsibility == "Moscow"
		})
		fmt.Println("accepted:", accepted)
		finish(bc)
		return nil
	})
	fmt.Println(together(crew{
		{"Moscow", listener("Moscow")}, {"Jodrell Bank", listener("Jodrell Bank")}, {"deaf", running(untilDone)}, {"radio", radio},
	}))
	// Unordered output:
	// accepted: 2 refused: [] the sender keeps: map[text:liftoff]
	// accepted: 1
	// liftoff heard by Moscow
	// liftoff heard by Jodrell Bank
	// beep heard by Moscow
	// <nil>
}
