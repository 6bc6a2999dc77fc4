package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// limit keeps a server that hangs from holding up a call.
const limit = 2 * time.Second

// connector is the plug-in that knows the server. When to connect, how often to ask for the heartbeat, how
// long to wait after a failure, whom to tell: that is sputnik's part.
type connector struct {
	addr string
	conn *client
}

func (c *connector) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	conn, err := net.DialTimeout("tcp", c.addr, limit)
	if err != nil {
		return nil, err
	}
	c.conn = &client{conn: conn, replies: bufio.NewReader(conn)}
	return c.conn, nil
}

// IsConnected is the heartbeat. A server that accepts connections and doesn't answer is as good as none,
// so it has to answer a line.
func (c *connector) IsConnected() bool {
	_, err := c.conn.Ask("ping")
	return err == nil
}

func (c *connector) Disconnect() { c.conn.close() }

// client is the connection that the blocks get. The heartbeat uses it between their lines, hence the lock.
type client struct {
	mu      sync.Mutex
	conn    net.Conn
	replies *bufio.Reader
}

var errNotConnected = errors.New("no server so far")

// Ask writes a line and returns the server's answer. It may be called on a nil client, so that a block needn't
// care whether a message overtakes the first connection.
func (c *client) Ask(line string) (string, error) {
	if c == nil {
		return "", errNotConnected
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	reply, err := c.exchange(line)
	if err != nil {
		// A late reply would answer the next line: whatever went wrong, this connection is of no
		// more use. The next heartbeat notices.
		_ = c.conn.Close()
	}
	return strings.TrimSuffix(reply, "\n"), err
}

func (c *client) exchange(line string) (string, error) {
	if err := c.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c.conn, line); err != nil {
		return "", err
	}
	return c.replies.ReadString('\n')
}

func (c *client) close() { _ = c.conn.Close() }
