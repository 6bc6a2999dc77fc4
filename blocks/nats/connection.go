package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Connection is what OnServerConnect gets: a connection whose stream is known to exist.
type Connection struct {
	Conn      *nats.Conn
	JetStream jetstream.JetStream
	Stream    jetstream.Stream
	// Info describes the stream as it was when the connection was made.
	Info *jetstream.StreamInfo

	broken chan error // 1 slot: the first reason
}

// Fail declares the connection broken, so that the connector makes a new one. The first reason counts.
func (c *Connection) Fail(reason error) {
	select {
	case c.broken <- reason:
	default:
	}
}

// Close closes the connection. It is the connector that does so.
func (c *Connection) Close() error {
	c.Conn.Close()
	return nil
}

// explained says more of an error of a request: the client's own words don't tell an operator what to look for.
func (c *Connection) explained(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within connect_timeout: is there a leader, and may this user publish to $JS.API.> ? (%w)", err)
	case errors.Is(err, nats.ErrNoResponders):
		err = fmt.Errorf("JetStream is not enabled at this server, or nobody leads the cluster (%w)", err)
	}
	return c.withLast(err)
}

// withLast adds what the server complained of, such as a permission that is missing.
func (c *Connection) withLast(err error) error {
	if said := c.Conn.LastError(); said != nil {
		return fmt.Errorf("%w; the server said: %w", err, said)
	}
	return err
}
