package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sputnik-go/sputnik"
)

const (
	pingInterval = 10 * time.Second // a peer that is silent for two of them is gone
	maxPingsOut  = 2
	writeTimeout = 5 * time.Second
)

// Connector is the plug-in of sputnik's connector for NATS. Connect yields a *Connection.
type Connector struct {
	log       *slog.Logger
	inProcess nats.InProcessConnProvider

	conf *Conf // nil: not read yet; of ConnectContext, which is called one at a time

	mu   sync.Mutex
	conn *Connection
}

// NewConnector makes a plug-in that dials the configured urls, or connects to inProcess if that is not nil. It reads its
// configuration once, as the blocks do: what is changed later, perhaps to something broken, doesn't meet a reconnect.
func NewConnector(log *slog.Logger, inProcess nats.InProcessConnProvider) *Connector {
	return &Connector{log: log.With("connector", "nats"), inProcess: inProcess}
}

// Connect is ConnectContext without a context.
func (c *Connector) Connect(cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return c.ConnectContext(context.Background(), cf)
}

// ConnectContext connects and makes sure of the stream. While connected it returns the connection there is.
func (c *Connector) ConnectContext(ctx context.Context, cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	if conn := c.current(); conn != nil && conn.Conn.IsConnected() {
		return conn, nil
	}
	if c.conf == nil {
		conf, err := ReadConf(cf)
		if err != nil {
			return nil, err
		}
		c.conf = &conf
	}
	conf := *c.conf
	ctx, cancel := context.WithTimeout(ctx, conf.ConnectTimeout)
	defer cancel()
	conn, err := c.dial(ctx, conf)
	if err != nil {
		return nil, err
	}
	if err := conn.ensureStream(ctx, conf); err != nil {
		err = fmt.Errorf("%s: stream %s: %w", c.where(conn), conf.Stream, conn.explained(err))
		conn.Conn.Close()
		return nil, err
	}
	c.log.Info("stream open", "stream", conf.Stream, "last_seq", conn.Info.State.LastSeq, "server", c.where(conn))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return conn, nil
}

// IsConnected tells whether the connection stands, as far as nats.go's pings know.
func (c *Connector) IsConnected() bool {
	conn := c.current()
	return conn != nil && conn.Conn.IsConnected()
}

// Broken yields a reason when the connection breaks.
func (c *Connector) Broken() <-chan error {
	if conn := c.current(); conn != nil {
		return conn.broken
	}
	return nil
}

// Disconnect closes the connection.
func (c *Connector) Disconnect() {
	c.mu.Lock()
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

func (c *Connector) current() *Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

func (c *Connector) where(conn *Connection) string {
	if c.inProcess != nil {
		return inThisProcess
	}
	return redacted(conn.Conn.ConnectedUrl())
}

const inThisProcess = "embedded broker"

func (c *Connector) dial(ctx context.Context, conf Conf) (*Connection, error) {
	conn := &Connection{broken: make(chan error, 1)}
	deadline, _ := ctx.Deadline() // there is one: connect_timeout
	each := time.Until(deadline) / time.Duration(max(1, len(conf.URLs)))
	dialer := &contextDialer{ctx: ctx, limit: each}
	var told sparse // a missing permission is told for each message
	opts := []nats.Option{
		nats.Name(conf.Name),
		nats.NoReconnect(),
		nats.Timeout(each), // a server that is silent leaves time for the others
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(maxPingsOut),
		nats.FlusherTimeout(writeTimeout),
		nats.ClosedHandler(func(nc *nats.Conn) {
			conn.Fail(cmpError(nc.LastError(), errors.New("connection closed")))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { // one at a time
			if told.next() {
				c.log.Warn("nats", "error", err, "errors", told.count)
			}
		}),
	}
	where := inThisProcess
	if c.inProcess != nil {
		opts = append(opts, nats.InProcessServer(c.inProcess))
	} else {
		where = redacted(conf.URLs...)
		remote, err := conf.remote()
		if err != nil {
			return nil, err
		}
		opts = append(append(opts, nats.SetCustomDialer(dialer), nats.SkipHostLookup()), remote...)
	}
	nc, err := nats.Connect("", opts...)
	dialer.release()
	if err != nil {
		reason := cmpError(dialer.err, err)
		if errors.Is(ctx.Err(), context.Canceled) {
			reason = ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", where, reason)
	}
	conn.Conn = nc
	if conn.JetStream, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return conn, nil
}

// remote is what only a server elsewhere needs.
func (c Conf) remote() ([]nats.Option, error) {
	if c.Embedded() {
		return nil, errors.New("no urls are configured, and there is no broker in this process")
	}
	opts := append(c.login(), func(o *nats.Options) error {
		o.Servers = c.URLs
		return nil
	})
	config, err := c.tls()
	if config != nil {
		opts = append(opts, nats.Secure(config))
	}
	return opts, err
}

// contextDialer lets the end of an attempt end its dialling, and what a server says, or not, after that; it keeps the
// reason that nats.go puts as "no servers". It looks up the name of the host, too: nats.go would do so for as long as name
// servers are silent.
type contextDialer struct {
	ctx   context.Context
	limit time.Duration // for one server
	err   error
	stop  func() bool // keeps the end of ctx from closing the connection; nil: there is none
}

func (d *contextDialer) Dial(network, address string) (net.Conn, error) {
	d.release()
	dialer := net.Dialer{Timeout: d.limit}
	conn, err := dialer.DialContext(d.ctx, network, address)
	d.err = err
	if err == nil {
		d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	}
	return conn, err
}

// release leaves the connection to nats.go.
func (d *contextDialer) release() {
	if d.stop != nil {
		d.stop()
	}
}

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
