package sputnik_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik"
)

// A block fails with one message. What is queued behind it is handled by its next instance.
func ExampleWithRestart() {
	instances := 0
	worker := func() *sputnik.Block {
		instances++
		instance := instances
		var self sputnik.BlockCommunicator
		return sputnik.NewBlock(
			sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure, Backoff: time.Millisecond}),
			sputnik.WithInit(noInit),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
			sputnik.WithRunContext(untilDone),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				fmt.Printf("instance %d gets %v\n", instance, msg["n"])
				switch msg["n"] {
				case 2:
					panic("I can't stand it")
				case 3:
					finish(self)
				}
			}),
		)
	}
	source := running(func(_ context.Context, bc sputnik.BlockCommunicator) error {
		worker, _ := bc.Communicator("worker")
		for n := range 3 {
			worker.Send(sputnik.Msg{"n": n + 1})
		}
		return nil
	})
	fmt.Println(together(crew{{"worker", worker}, {"source", source}}))
	// Output:
	// instance 1 gets 1
	// instance 1 gets 2
	// instance 2 gets 3
	// <nil>
}

// What fails again and again stops the process, and the first failure is named.
func ExampleRestartError() {
	attempts := 0
	err := alone(running(func(context.Context, sputnik.BlockCommunicator) error {
		attempts++
		return fmt.Errorf("port taken, attempt %d", attempts)
	}, sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure, Backoff: time.Millisecond, Max: 2})))
	fmt.Println(err)
	fmt.Println("attempts:", attempts)
	// Output:
	// stopped by: block "example": failed again after 2 restarts within 1m0s; the first failure: block "example": Run: port taken, attempt 1
	// attempts: 3
}
