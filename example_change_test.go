package sputnik_test

import (
	"context"
	"fmt"

	"github.com/sputnik-go/sputnik"
)

// worker says by itself who it is, and what ends it.
func worker() *sputnik.Block {
	var self sputnik.BlockDescriptor
	return sputnik.NewBlock(
		sputnik.WithInit(noInit),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc.Descriptor() }),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			<-ctx.Done()
			fmt.Println(self.Responsibility, "ends:", context.Cause(ctx))
			return nil
		}),
		sputnik.WithOnMsg(func(msg sputnik.Msg) { _ = sputnik.Reply(msg, sputnik.Msg{"by": self}) }),
	)
}

// A block is added to a running process, and is there when AddBlock returns. It finishes before all others.
func ExampleAddBlock() {
	d := sputnik.BlockDescriptor{Name: "worker", Responsibility: "worker-1"}
	foreman := running(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		defer finish(bc)
		if err := sputnik.AddBlock(ctx, bc, d); err != nil {
			return err
		}
		added, _ := bc.Communicator("worker-1")
		answer, err := sputnik.Request(ctx, added, sputnik.Msg{})
		fmt.Println("asked:", answer["by"], err)
		fmt.Println(sputnik.AddBlock(ctx, bc, d))
		return nil
	})
	err := sputnik.Fly(
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(sputnik.BlockFactories{"foreman": foreman, "worker": worker}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "foreman", Responsibility: "foreman"}}),
	)
	fmt.Println(err)
	// Output:
	// asked: "worker-1" (worker) <nil>
	// set-up: block 4 ("worker-1" (worker)): responsibility is taken by block 3
	// worker-1 ends: finish message from block "foreman"
	// <nil>
}

// A removed block finishes as at the end of the process. Then there is no such block, and its responsibility is free.
func ExampleRemoveBlock() {
	err := together(crew{
		{"worker", worker},
		{"foreman", running(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			defer finish(bc)
			fmt.Println(sputnik.RemoveBlock(ctx, bc, "worker"))
			_, found := bc.Communicator("worker")
			fmt.Println("found:", found)
			fmt.Println(sputnik.RemoveBlock(ctx, bc, "worker"))
			fmt.Println(sputnik.RemoveBlock(ctx, bc, "foreman"))
			return nil
		})},
	})
	fmt.Println(err)
	// Output:
	// worker ends: removed by block "foreman"
	// <nil>
	// found: false
	// block "worker": no such block
	// block "foreman": a block can't do that to itself
	// <nil>
}
