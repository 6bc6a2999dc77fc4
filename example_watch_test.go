package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// A callback that runs for too long is told of while it does.
func ExampleWithWatchdog() {
	ctx, done := context.WithCancel(context.Background())
	stuck := make(chan struct{})
	err := alone(running(func(_ context.Context, bc sputnik.BlockCommunicator) error {
		bc.Send(sputnik.Msg{})
		return nil
	}, sputnik.WithOnMsg(func(sputnik.Msg) { <-stuck })),
		sputnik.WithContext(ctx),
		sputnik.WithWatchdog(20*time.Millisecond),
		sputnik.WithObserver(func(e sputnik.Event) {
			switch e := e.(type) {
			case sputnik.CallbackStalled:
				fmt.Println(e.Callback, "of block", e.Block, "hangs here:", strings.Contains(e.Stacks, "ExampleWithWatchdog"))
				close(stuck)
			case sputnik.CallbackReturned:
				fmt.Println(e.Callback, "has returned")
				done()
			}
		}))
	fmt.Println(err)
	// Output:
	// OnMsg of block "example" hangs here: true
	// OnMsg has returned
	// <nil>
}

// Two blocks ask each other from inside of OnMsg: neither can answer. The circle is told at the moment it closes.
func ExampleWaitCycle() {
	patience, lose := context.WithCancelCause(context.Background())
	asks := func(other string) sputnik.BlockFactory {
		return func() *sputnik.Block {
			var self sputnik.BlockCommunicator
			return sputnik.NewBlock(
				sputnik.WithInit(noInit),
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
				sputnik.WithRunContext(untilDone),
				sputnik.WithOnMsg(func(msg sputnik.Msg) {
					to, _ := self.Communicator(other)
					if answer, err := sputnik.Request(patience, to, sputnik.Msg{}); err == nil {
						_ = sputnik.Reply(msg, answer)
					}
				}),
			)
		}
	}
	farmer := running(func(_ context.Context, bc sputnik.BlockCommunicator) error {
		defer finish(bc)
		chicken, _ := bc.Communicator("chicken")
		_, err := sputnik.Request(patience, chicken, sputnik.Msg{})
		fmt.Println(err)
		return nil
	})
	err := together(crew{{"chicken", asks("egg")}, {"egg", asks("chicken")}, {"farmer", farmer}},
		sputnik.WithObserver(func(e sputnik.Event) {
			if e, ok := e.(sputnik.WaitCycle); ok {
				fmt.Println("they wait for each other:", e.Blocks)
				lose(errors.New("nobody was first"))
			}
		}))
	fmt.Println(err)
	// Output:
	// they wait for each other: ["chicken" "egg"]
	// request to block "chicken": nobody was first
	// <nil>
}

// After a panic the file holds why, the last events, every block and the stacks.
func ExampleWithBlackBox() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "blackbox")
	_ = alone(running(func(context.Context, sputnik.BlockCommunicator) error {
		panic("out of fuel")
	}), sputnik.WithBlackBox(path))

	record, err := os.ReadFile(path)
	fmt.Println("records:", strings.Count(string(record), "black box of "), err)
	for line := range strings.Lines(string(record)) {
		if why, ok := strings.CutPrefix(line, "why:"); ok {
			fmt.Println(strings.TrimSpace(why))
		}
	}
	fmt.Println("with the stack:", strings.Contains(string(record), "ExampleWithBlackBox"))
	// Output:
	// records: 1 <nil>
	// block "example": Run: panic: out of fuel
	// with the stack: true
}
