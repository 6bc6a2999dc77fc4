package sputniktest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

type badBlock struct {
	name    string
	fails   string
	make    func(w *world) sputnik.BlockFactory
	options []Option
}

// with makes a factory of a block that is good but for what opts say.
func with(opts ...sputnik.BlockOption) sputnik.BlockFactory {
	return func() *sputnik.Block {
		return sputnik.NewBlock(append([]sputnik.BlockOption{
			sputnik.WithInit(noInit), sputnik.WithRunContext(untilDone),
		}, opts...)...)
	}
}

func static(f sputnik.BlockFactory) func(*world) sputnik.BlockFactory {
	return func(*world) sputnik.BlockFactory { return f }
}

var errBad = errors.New("bad")

func badBlocks() []badBlock {
	return slices.Concat(badBasics(), badStops(), badFeeds())
}

func badBasics() []badBlock {
	return []badBlock{
		{"the factory is nil", "factory", static(nil), nil},
		{"the factory returns nil", "factory", static(func() *sputnik.Block { return nil }), nil},
		{"the factory panics", "factory", static(func() *sputnik.Block { panic(errBad) }), nil},
		{"the factory returns one block", "factory", func(*world) sputnik.BlockFactory {
			b := with()()
			return func() *sputnik.Block { return b }
		}, nil},
		{"the factory starts a goroutine", "factory", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				go w.hang()
				return with()()
			}
		}, nil},
		{"no Run", "init", static(func() *sputnik.Block { return sputnik.NewBlock(sputnik.WithInit(noInit)) }), nil},
		{"Init insists on a configuration", "init", static(with(sputnik.WithInit(func(cf sputnik.ConfFactory) error {
			return cf("bad", new(struct{ Key string }))
		}))), nil},
		{"Init panics", "init", static(with(sputnik.WithInit(func(sputnik.ConfFactory) error { panic(errBad) }))), nil},
		{"Init is slow", "init", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithInit(func(sputnik.ConfFactory) error { w.pause(DefaultKitLimit + time.Millisecond); return nil }))
		}, nil},
		{"Init hangs", "init", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithInit(func(sputnik.ConfFactory) error { w.hang(); return nil }))
		}, nil},
		{"Run returns an error", "flight", static(with(sputnik.WithRunContext(
			func(context.Context, sputnik.BlockCommunicator) error { return errBad }))), nil},
		{"Run turns its end into an error", "flight", static(with(sputnik.WithRunContext(
			func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return errBad }))), nil},
		{"Run takes an unknown peer for granted", "flight", static(with(sputnik.WithRunContext(
			func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				nobody, _ := bc.Communicator("nobody")
				nobody.Send(sputnik.Msg{})
				return untilDone(ctx, bc)
			}))), nil},
		{"Finish panics", "flight", static(with(sputnik.WithFinish(func(init bool) {
			if !init {
				panic(errBad)
			}
		}))), nil},
		{"OnServerConnect takes the connection for another type", "flight", static(with(sputnik.WithOnConnect(
			func(conn sputnik.ServerConnection) { _ = conn.(string) }))), nil},
		{"Run ignores its context", "finish in time", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { w.hang(); return nil }))
		}, nil},
		{"Finish hangs", "finish in time", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithFinish(func(init bool) {
				if !init {
					w.hang()
				}
			}))
		}, nil},
		{"Finish is slow", "finish in time", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithFinish(func(bool) { w.pause(DefaultKitLimit + time.Millisecond) }))
		}, nil},
		{"OnServerConnect hangs", "finish in time", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithOnConnect(func(sputnik.ServerConnection) { w.hang() }))
		}, nil},
		{"Run leaves a goroutine", "no goroutine left", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				go w.hang()
				return untilDone(ctx, bc)
			}))
		}, nil},
		{"a state for all flights", "second flight", func(*world) sputnik.BlockFactory {
			finished := false
			return with(sputnik.WithFinish(func(bool) {
				if finished {
					panic(errBad)
				}
				finished = true
			}))
		}, nil},
		{"the newest instance is the only one", "two instances", func(*world) sputnik.BlockFactory {
			var newest chan struct{}
			return func() *sputnik.Block {
				return with(
					sputnik.WithInit(func(sputnik.ConfFactory) error { newest = make(chan struct{}); return nil }),
					sputnik.WithFinish(func(bool) { close(newest) }),
				)()
			}
		}, nil},
	}
}
