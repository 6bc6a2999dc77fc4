package main

import (
	"errors"

	"github.com/sputnik-go/sputnik"
)

// ledger is the server part of the host: one goroutine that owns the entries.
type ledger struct {
	incoming chan string
	closing  chan struct{}
	total    chan int // what close returns
}

func openLedger() *ledger {
	l := &ledger{incoming: make(chan string), closing: make(chan struct{}), total: make(chan int)}
	go l.serve()
	return l
}

func (l *ledger) serve() {
	var entries []string
	for {
		select {
		case text := <-l.incoming:
			entries = append(entries, text)
		case <-l.closing:
			l.total <- len(entries)
			return
		}
	}
}

// enter tells whether the entry was made: a closed ledger takes none.
func (l *ledger) enter(text string) bool {
	select {
	case l.incoming <- text:
		return true
	case <-l.closing:
		return false
	}
}

// close returns the number of entries.
func (l *ledger) close() int {
	close(l.closing)
	return <-l.total
}

func (l *ledger) closed() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// connector connects without a network: the connection is the ledger itself. Blocks written for it don't
// notice the difference to a server that can come and go.
type connector struct{ ledger *ledger }

var errClosed = errors.New("the ledger is closed")

func (c *connector) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	if c.ledger.closed() {
		return nil, errClosed
	}
	return c.ledger, nil
}

func (c *connector) IsConnected() bool { return !c.ledger.closed() }

// Disconnect leaves the ledger open: it is the host's.
func (c *connector) Disconnect() {}
