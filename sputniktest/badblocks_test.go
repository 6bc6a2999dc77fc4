package sputniktest

import (
	"context"
	"errors"
	"sync"
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
	fed := []Option{WithMessages(lines)}
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
		{"Finish waits for Run", "finish without run", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				ran, stop := make(chan struct{}), make(chan struct{})
				return sputnik.NewBlock(
					sputnik.WithInit(noInit),
					sputnik.WithRun(func(sputnik.BlockCommunicator) { <-stop; close(ran) }),
					sputnik.WithFinish(func(bool) {
						close(stop)
						select {
						case <-ran:
						case <-w.end:
						}
					}),
				)
			}
		}, nil},
		{"Init starts what only Run ends", "finish without run", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				quit := make(chan struct{})
				return with(
					sputnik.WithInit(func(sputnik.ConfFactory) error {
						go func() {
							select {
							case <-quit:
							case <-w.end:
							}
						}()
						return nil
					}),
					sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
						<-ctx.Done()
						close(quit)
						return nil
					}),
				)()
			}
		}, nil},
		{"Attach starts what only Run ends", "stop before launch", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				quit := make(chan struct{})
				return with(
					sputnik.WithAttach(func(sputnik.BlockCommunicator) {
						go func() {
							select {
							case <-quit:
							case <-w.end:
							}
						}()
					}),
					sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
						<-ctx.Done()
						close(quit)
						return nil
					}),
				)()
			}
		}, nil},
		{"Init dials", "stop during init", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithInit(func(sputnik.ConfFactory) error { w.pause(6 * time.Second); return nil }))
		}, []Option{WithLimit(2 * DefaultKitLimit)}},
		{"Run waits for the server", "no server", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				connected := make(chan struct{}, flaps+1)
				return with(
					sputnik.WithOnConnect(func(sputnik.ServerConnection) { connected <- struct{}{} }),
					sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
						select {
						case <-connected:
						case <-w.end:
						}
						return untilDone(ctx, bc)
					}),
				)()
			}
		}, nil},
		{"Run makes what Finish closes", "stop right after launch", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				var mu sync.Mutex
				var stop chan struct{}
				return sputnik.NewBlock(
					sputnik.WithInit(noInit),
					sputnik.WithRun(func(sputnik.BlockCommunicator) {
						time.Sleep(time.Millisecond)
						mu.Lock()
						own := make(chan struct{})
						stop = own
						mu.Unlock()
						select {
						case <-own:
						case <-w.end:
						}
					}),
					sputnik.WithFinish(func(init bool) {
						mu.Lock()
						defer mu.Unlock()
						if !init {
							close(stop)
						}
					}),
				)
			}
		}, nil},
		{"the flush can't be hurried", "second signal", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				w.pause(4 * time.Second)
				return nil
			}))
		}, nil},
		{"closes at the first connect", "connection storm", static(func() *sputnik.Block {
			first := make(chan struct{})
			return with(sputnik.WithOnConnect(func(sputnik.ServerConnection) { close(first) }))()
		}), nil},
		{"hangs in the second connect", "connection storm", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				connected := make(chan struct{}, 1)
				return with(sputnik.WithOnConnect(func(sputnik.ServerConnection) {
					select {
					case connected <- struct{}{}:
					case <-w.end:
					}
				}))()
			}
		}, nil},
		{"Run sets what OnMsg uses", "early messages", static(func() *sputnik.Block {
			var mu sync.Mutex
			var own sputnik.BlockCommunicator
			return with(
				sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
					time.Sleep(time.Microsecond)
					mu.Lock()
					own = bc
					mu.Unlock()
					return untilDone(ctx, bc)
				}),
				sputnik.WithOnMsg(func(sputnik.Msg) {
					mu.Lock()
					defer mu.Unlock()
					own.Descriptor()
				}),
			)()
		}), fed},
		{"OnMsg leaves a goroutine", "messages", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				n := 0
				return with(sputnik.WithOnMsg(func(sputnik.Msg) {
					if n++; n == 20 {
						go w.hang()
					}
				}))()
			}
		}, fed},
		{"OnMsg uses a connection that never came", "messages without server", static(func() *sputnik.Block {
			var mu sync.Mutex
			var conn *Conn
			return with(
				sputnik.WithOnConnect(func(c sputnik.ServerConnection) {
					mu.Lock()
					defer mu.Unlock()
					conn, _ = c.(*Conn)
				}),
				sputnik.WithOnMsg(func(sputnik.Msg) {
					time.Sleep(time.Millisecond) // early ones meet the connection
					mu.Lock()
					defer mu.Unlock()
					_ = conn.Number
				}),
			)()
		}), fed},
		{"OnMsg refuses to work while the process finishes", "late messages", static(func() *sputnik.Block {
			var own sputnik.BlockCommunicator
			return with(
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc }),
				sputnik.WithOnMsg(func(sputnik.Msg) {
					if s, ok := sputnik.StatusOf(own); ok && s.State == sputnik.StateFinishing {
						panic(errBad)
					}
				}),
			)()
		}), fed},
		{"OnMsg asserts types", "odd messages", static(with(sputnik.WithOnMsg(func(msg sputnik.Msg) {
			_ = msg["line"].(string)
		}))), fed},
		{"OnMsg is slow", "backlog", static(with(sputnik.WithOnMsg(func(sputnik.Msg) {
			time.Sleep(20 * time.Millisecond)
		}))), fed},
	}
}
