package sputnik

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sputnik-go/sputnik/internal/link"
	"github.com/sputnik-go/sputnik/internal/uplink"
)

// The connector, started by [WithConnector].
const (
	DefaultConnectorName           = "connector"
	DefaultConnectorResponsibility = "connector"

	// DefaultConnectorTimeout is the interval of heartbeats, and the base of the backoff between
	// attempts, where [WithConnector] gets 0. It limits no call: that is [DefaultConnectTimeout].
	DefaultConnectorTimeout = 5 * time.Second
)

// ConnectorDescriptor describes the connector.
func ConnectorDescriptor() BlockDescriptor {
	return BlockDescriptor{DefaultConnectorName, DefaultConnectorResponsibility}
}

// ServerConnector is the plug-in that knows the server. Its methods are called one at a time, not always on the
// same goroutine. Each call has a limit ([WithConnectTimeout]); one that exceeds it is reported, and no
// other call is made until it returns (G15). A panic is a failed attempt, or a broken connection.
type ServerConnector interface {
	// Connect connects to the server and returns the connection, which is handed to the blocks as it is. It
	// is not called while connected. A success counts also beyond the limit.
	Connect(cf ConfFactory) (ServerConnection, error)
	// IsConnected is the heartbeat: false, or no answer within the limit, says that the connection is broken.
	IsConnected() bool
	// Disconnect closes the connection, a broken one included. It is called once for each Connect
	// that succeeded, before the next one (G17). A slow block may still use the connection at that moment.
	Disconnect()
}

// ContextConnector is implemented by a plug-in whose Connect can be interrupted; ConnectContext is then
// called in place of Connect. The context ends with the attempt's limit, or when the connector's own finish comes,
// after that of all application blocks.
type ContextConnector interface {
	ConnectContext(ctx context.Context, cf ConfFactory) (ServerConnection, error)
}

// PushConnector is implemented by a plug-in that learns by itself that its connection broke. Broken is called
// after each successful connect: a value on the channel, or its close, says that this connection is
// broken now; blocks needn't wait for the next heartbeat. Each connection should have its own channel; a nil
// one leaves it to the heartbeats.
type PushConnector interface {
	Broken() <-chan error
}

// connector is the block around the driver of the plug-in, and the driver's owner.
type connector struct {
	unit   *unit
	driver uplink.Driver
	status ConnectionStatus // guarded by the initiator's lock
}

func connectorFactory() *Block {
	c := new(connector)
	b := NewBlock(WithInit(c.init), WithRunContext(c.run))
	b.bind = func(u *unit) {
		c.unit = u
		c.status = ConnectionStatus{State: StateDisconnected, Since: time.Now()}
		u.in.connector = c
	}
	return b
}

func (c *connector) init(cf ConfFactory) error {
	cfg := &c.unit.in.cfg
	p := uplink.PlugIn{
		Connect:     func(context.Context) (any, error) { return cfg.connector.Connect(cf) },
		IsConnected: cfg.connector.IsConnected,
		Disconnect:  cfg.connector.Disconnect,
	}
	if cc, ok := cfg.connector.(ContextConnector); ok {
		p.Connect = func(ctx context.Context) (any, error) { return cc.ConnectContext(ctx, cf) }
	}
	if pc, ok := cfg.connector.(PushConnector); ok {
		p.Broken = pc.Broken
	}
	c.driver = uplink.Driver{
		PlugIn: p, Owner: c,
		Interval: cfg.interval, BackoffCap: cfg.backoffCap, Limit: cfg.connectTimeout, ErrTimeout: ErrTimeout,
	}
	return nil
}

func (c *connector) run(ctx context.Context, _ BlockCommunicator) error {
	select {
	case <-c.unit.in.flying: // every Run was started
		return c.driver.Run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// Guard makes the connector an [uplink.Owner], together with the methods below. A panic gets the name of its call (G15).
func (c *connector) Guard(call string, method func() error, done func(error)) {
	c.unit.life.Load().label()
	guard(method, func(err error) {
		if _, panicked := errors.AsType[*PanicError](err); panicked || errors.Is(err, ErrGoexit) {
			err = fmt.Errorf("%s: %w", call, err)
		}
		done(err)
	})
}

// Note changes the status of the connection, and readiness with it.
func (c *connector) Note(s uplink.Status) {
	in := c.unit.in
	in.mu.Lock()
	defer in.mu.Unlock()
	c.status = ConnectionStatus{State(s.State), s.Since, s.Attempt, s.NextTry, s.LastError}
	in.refreshReady()
}

// Tell tells every block (G16).
func (c *connector) Tell(ctx context.Context, number int, conn ServerConnection) {
	in := c.unit.in
	in.mu.Lock() // blocks that come up from now on find it by themselves
	in.number, in.conn = number, conn
	units := in.units
	in.mu.Unlock()
	var links []*link.Link
	for _, u := range units {
		if l := u.life.Load().link; l != nil {
			links = append(links, l)
		}
	}
	link.Tell(ctx, links, number, conn)
}

// The events of the connector.

func (c *connector) Connected(n int, took time.Duration) { c.emit(Connected{now(), n, took}) }

func (c *connector) Failed(n int, err error, next time.Duration) {
	c.emit(ConnectFailed{now(), n, err, next})
}
func (c *connector) Lost(why error) { c.emit(ConnectionLost{now(), why}) }
func (c *connector) Stalled(call string, limit time.Duration) {
	c.emit(ConnectorStalled{now(), call, limit})
}
func (c *connector) Faulted(err error) { c.emit(ConnectorFaulted{now(), err}) }
func (c *connector) Disconnected()     { c.emit(Disconnected{now()}) }

// Hung says which call the finish doesn't wait for any longer.
func (c *connector) Hung(call string, after time.Duration) error {
	return c.unit.abandon([]string{call}, after)
}

func (c *connector) emit(e Event) { emit(c.unit.in, e) }
