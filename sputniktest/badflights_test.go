package sputniktest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik"
)

func badStops() []badBlock {
	return []badBlock{
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
						w.pause(time.Millisecond)
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
		{"Finish uses a connection that is gone", "connection storm", static(func() *sputnik.Block {
			var conn atomic.Pointer[Conn]
			conn.Store(new(Conn))
			return with(
				sputnik.WithOnDisconnect(func() { conn.Store(nil) }),
				sputnik.WithOnConnect(func(c sputnik.ServerConnection) { conn.Store(c.(*Conn)) }),
				sputnik.WithFinish(func(bool) { _ = conn.Load().Number }),
			)()
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
	}
}

func badFeeds() []badBlock {
	fed := []Option{WithMessages(lines)}
	return []badBlock{
		{"Run sets what OnMsg uses", "early messages", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				var mu sync.Mutex
				var own sputnik.BlockCommunicator
				return with(
					sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
						w.pause(time.Microsecond)
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
			}
		}, fed},
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
		{"OnMsg uses a connection that never came", "messages without server", func(w *world) sputnik.BlockFactory {
			return func() *sputnik.Block {
				var mu sync.Mutex
				var conn *Conn
				return with(
					sputnik.WithOnConnect(func(c sputnik.ServerConnection) {
						mu.Lock()
						defer mu.Unlock()
						conn, _ = c.(*Conn)
					}),
					sputnik.WithOnMsg(func(sputnik.Msg) {
						w.pause(time.Millisecond) // early ones meet the connection
						mu.Lock()
						defer mu.Unlock()
						_ = conn.Number
					}),
				)()
			}
		}, fed},
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
		{"a restart hides the panic", "odd messages", static(with(
			sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure, Backoff: time.Millisecond}),
			sputnik.WithOnMsg(func(msg sputnik.Msg) {
				if _, odd := msg[""]; odd {
					panic(errBad)
				}
			}),
		)), fed},
		{"OnMsg asserts types", "odd messages", static(with(sputnik.WithOnMsg(func(msg sputnik.Msg) {
			_ = msg["line"].(string)
		}))), fed},
		{"OnMsg is slow", "backlog", func(w *world) sputnik.BlockFactory {
			return with(sputnik.WithOnMsg(func(sputnik.Msg) { w.pause(20 * time.Millisecond) }))
		}, fed},
	}
}
