package sputniktest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sputnik-go/sputnik"
)

// bent is a dialer with parts replaced; nil ones are the dialer's.
type bent struct {
	*dialer
	w          *world
	connect    func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (sputnik.ServerConnection, error)
	isAlive    func(b *bent) bool
	disconnect func(b *bent)
	brokenChan func(b *bent) <-chan error

	connects int
}

func (b *bent) ConnectContext(ctx context.Context, cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	b.connects++
	if b.connect != nil {
		return b.connect(b, ctx, cf)
	}
	return b.dialer.ConnectContext(ctx, cf)
}

func (b *bent) IsConnected() bool {
	if b.isAlive != nil {
		return b.isAlive(b)
	}
	return b.dialer.IsConnected()
}

func (b *bent) Disconnect() {
	if b.disconnect != nil {
		b.disconnect(b)
		return
	}
	b.dialer.Disconnect()
}

func (b *bent) Broken() <-chan error {
	if b.brokenChan != nil {
		return b.brokenChan(b)
	}
	return b.dialer.Broken()
}

type badConnector struct {
	name  string
	fails string
	bend  func(b *bent) // what is bad
	make  func(good func() sputnik.ServerConnector) func() sputnik.ServerConnector
}

func badConnectors() []badConnector {
	type conn = sputnik.ServerConnection
	return []badConnector{
		{name: "nil factory", fails: "factory", make: func(func() sputnik.ServerConnector) func() sputnik.ServerConnector { return nil }},
		{name: "nil connector", fails: "factory", make: func(func() sputnik.ServerConnector) func() sputnik.ServerConnector {
			return func() sputnik.ServerConnector { return nil }
		}},
		{name: "one connector for all", fails: "factory", make: func(good func() sputnik.ServerConnector) func() sputnik.ServerConnector {
			one := good()
			return func() sputnik.ServerConnector { return one }
		}},
		{name: "Connect fails", fails: "connect", bend: func(b *bent) {
			b.connect = func(*bent, context.Context, sputnik.ConfFactory) (conn, error) { return nil, errBad }
		}},
		{name: "Connect insists on a configuration", fails: "connect", bend: func(b *bent) {
			b.connect = func(_ *bent, _ context.Context, cf sputnik.ConfFactory) (conn, error) {
				return nil, cf("bad", new(struct{ Key string }))
			}
		}},
		{name: "connected is never true", fails: "connect", bend: func(b *bent) {
			b.isAlive = func(*bent) bool { return false }
		}},
		{name: "Disconnect panics", fails: "connect", bend: func(b *bent) {
			b.disconnect = func(b *bent) { b.dialer.Disconnect(); panic(errBad) }
		}},
		{name: "IsConnected hangs", fails: "calls return", bend: func(b *bent) {
			b.isAlive = func(b *bent) bool { b.w.hang(); return true }
		}},
		{name: "Disconnect waits for the server", fails: "calls return", bend: func(b *bent) {
			b.disconnect = func(b *bent) { b.w.hang() }
		}},
		{name: "the reader stays", fails: "no goroutine left", bend: func(b *bent) {
			b.disconnect = func(b *bent) { go b.w.hang(); b.dialer.Disconnect() }
		}},
		{name: "a pool of five", fails: "cycles", bend: func(b *bent) {
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				if b.connects > 5 {
					return nil, errBad
				}
				return b.dialer.ConnectContext(ctx, cf)
			}
		}},
		{name: "ConnectContext ignores its context", fails: "connect obeys context", bend: func(b *bent) {
			b.connect = func(b *bent, _ context.Context, cf sputnik.ConfFactory) (conn, error) {
				return b.dialer.ConnectContext(context.Background(), cf)
			}
		}},
		{name: "a half-open connection stays", fails: "connect obeys context", bend: func(b *bent) {
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				c, err := b.dialer.ConnectContext(ctx, cf)
				if errors.Is(err, context.Canceled) {
					go b.w.hang()
				}
				return c, err
			}
		}},
		{name: "Broken is a closed channel", fails: "quiet while connected", bend: func(b *bent) {
			b.brokenChan = func(*bent) <-chan error {
				closed := make(chan error)
				close(closed)
				return closed
			}
		}},
		{name: "Broken leaves a goroutine", fails: "quiet while connected", bend: func(b *bent) {
			b.brokenChan = func(b *bent) <-chan error { go b.w.hang(); return b.dialer.Broken() }
		}},
		{name: "Broken gives the first channel for ever", fails: "quiet after reconnect", bend: func(b *bent) {
			first := make(chan error)
			var alarm sync.Once
			sound := func() { alarm.Do(func() { close(first) }) }
			b.brokenChan = func(b *bent) <-chan error {
				off, ended := b.dialer.Broken(), b.ended
				go func() {
					<-ended
					if len(off) > 0 {
						sound()
					}
				}()
				return first
			}
			b.disconnect = func(b *bent) {
				b.dialer.Disconnect()
				sound()
			}
		}},
		{name: "Connect forgets the error", fails: "refused", bend: func(b *bent) {
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				c, err := b.dialer.ConnectContext(ctx, cf)
				if errors.Is(err, errOff) {
					b.quit, b.ended = make(chan struct{}), make(chan struct{})
					close(b.ended)
					err = nil
				}
				return c, err
			}
		}},
		{name: "Connect panics where nobody listens", fails: "refused", bend: func(b *bent) {
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				c, err := b.dialer.ConnectContext(ctx, cf)
				if errors.Is(err, errOff) {
					panic(err)
				}
				return c, err
			}
		}},
		{name: "a refused Connect leaves a goroutine", fails: "refused", bend: func(b *bent) {
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				c, err := b.dialer.ConnectContext(ctx, cf)
				if errors.Is(err, errOff) {
					go b.w.hang()
				}
				return c, err
			}
		}},
		{name: "IsConnected is true for ever", fails: "break is seen", bend: func(b *bent) {
			b.isAlive = func(*bent) bool { return true }
		}},
		{name: "Broken is silent for ever", fails: "break is pushed", bend: func(b *bent) {
			b.brokenChan = func(*bent) <-chan error { return make(chan error) }
		}},
		{name: "Disconnect panics on a broken connection", fails: "disconnect after break", bend: func(b *bent) {
			b.disconnect = func(b *bent) {
				b.dialer.Disconnect()
				if !b.dialer.IsConnected() {
					panic(errBad)
				}
			}
		}},
		{name: "Disconnect of a broken connection hangs", fails: "disconnect after break", bend: func(b *bent) {
			b.disconnect = func(b *bent) {
				b.dialer.Disconnect()
				if !b.dialer.IsConnected() {
					b.w.hang()
				}
			}
		}},
		{name: "once broken, it never connects again", fails: "reconnect after break", bend: func(b *bent) {
			var wasBroken bool
			b.disconnect = func(b *bent) {
				b.dialer.Disconnect()
				wasBroken = wasBroken || !b.dialer.IsConnected()
			}
			b.connect = func(b *bent, ctx context.Context, cf sputnik.ConfFactory) (conn, error) {
				if wasBroken {
					return nil, errBad
				}
				return b.dialer.ConnectContext(ctx, cf)
			}
		}},
	}
}

// laboratory makes connectors to a station of the current bubble.
type laboratory struct {
	w       *world
	station *station
}

func (l *laboratory) dialer() *dialer {
	l.station = newStation()
	d := &dialer{station: l.station}
	if l.w != nil {
		d.end = l.w.end
	}
	return d
}

func (l *laboratory) options() []Option {
	return []Option{
		WithOutage(func() { l.station.down() }, func() { l.station.up() }),
		WithMute(func() { l.station.mute() }, func() { l.station.unmute() }),
	}
}

func TestBadConnectorFailsExactlyOneCheck(t *testing.T) {
	bitten := map[string]bool{}
	for _, bad := range badConnectors() {
		bitten[bad.fails] = true
		t.Run(bad.name, func(t *testing.T) {
			l := &laboratory{w: new(world)}
			newConnector := func() sputnik.ServerConnector {
				b := &bent{dialer: l.dialer(), w: l.w}
				if bad.bend != nil {
					bad.bend(b)
				}
				return b
			}
			if bad.make != nil {
				newConnector = bad.make(newConnector)
			}
			k := newConnectorKit(newConnector, l.options()...)
			assert.Equal(t, []string{bad.fails}, tries(t, l.w, k))
		})
	}
	for _, c := range newConnectorKit(nil).checks {
		assert.True(t, bitten[c.name], "no bad connector fails %q", c.name)
	}
}

func TestGoodConnectorPasses(t *testing.T) {
	l := new(laboratory)
	t.Run("all", func(t *testing.T) {
		Connector(t, func() sputnik.ServerConnector { return l.dialer() }, l.options()...)
	})
	t.Run("in real time", func(t *testing.T) {
		Connector(t, func() sputnik.ServerConnector { return l.dialer() }, append(l.options(), WithRealTime(), WithCycles(3))...)
	})
}

// The scripted server is itself a good plug-in, in every form.
func TestServerPasses(t *testing.T) {
	for name, view := range map[string]func(*Server) sputnik.ServerConnector{
		"all": func(s *Server) sputnik.ServerConnector { return s }, "plain": (*Server).Plain,
		"contextual": (*Server).Contextual, "pushing": (*Server).Pushing,
	} {
		t.Run(name, func(t *testing.T) {
			var s *Server
			Connector(
				t, func() sputnik.ServerConnector { s = NewServer(t); return view(s) },
				WithOutage(func() { s.Down() }, func() { s.Up() }),
				WithMute(func() { s.Hang() }, func() { s.Up() }),
				WithLimit(time.Minute),
			)
		})
	}
}
