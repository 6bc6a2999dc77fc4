package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sputnik-go/sputnik"
)

// reading is what the meter reads.
type reading func() (string, error)

func goroutines() (string, error) { return fmt.Sprintf("%d goroutines", runtime.NumGoroutine()), nil }

// meter takes a reading now and then, and sends it to the clerk.
type meter struct {
	every time.Duration
	read  reading
}

func (m *meter) Init(sputnik.ConfFactory) error { return nil }

func (m *meter) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	clerk, _ := bc.Communicator("clerk")
	for {
		text, err := m.read()
		if err != nil {
			return err // finishes the sputnik; launch names this block and the error
		}
		clerk.Send(sputnik.Msg{"text": text})
		select {
		case <-time.After(m.every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// clerk enters readings in the ledger. Those that come while it isn't connected wait for the connection; the end
// of the flight ends that too.
type clerk struct {
	ledger  *ledger
	waiting []string
}

func (c *clerk) Init(sputnik.ConfFactory) error { return nil }
func (c *clerk) Run(sputnik.BlockCommunicator)  {} // the callbacks do it all
func (c *clerk) Finish(bool)                    {}

func (c *clerk) OnServerConnect(conn sputnik.ServerConnection) {
	c.ledger, _ = conn.(*ledger)
	c.enter()
}

func (c *clerk) OnServerDisconnect() { c.ledger = nil }

func (c *clerk) OnMsg(msg sputnik.Msg) {
	text, _ := msg["text"].(string)
	c.waiting = append(c.waiting, text)
	c.enter()
}

func (c *clerk) enter() {
	for c.ledger != nil && len(c.waiting) > 0 && c.ledger.enter(c.waiting[0]) {
		c.waiting = c.waiting[1:]
	}
}
