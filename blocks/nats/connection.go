package nats

import (
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
