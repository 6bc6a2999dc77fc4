// Package link brings the news of a connection to one receiver that may be slow.
package link

import (
	"sync"

	"github.com/sputnik-go/sputnik/internal/lazy"
)

// Link makes the news alternate strictly, connect, disconnect, connect, and skips what is outdated: a slow
// receiver gets the newest state, not the history.
//
// Whoever delivers calls Next and, after each callback, Done, until Next has nothing more.
type Link struct {
	resume     func()
	connect    func(conn any)
	disconnect func()

	mu      sync.Mutex
	want    int // number of the current connection; 0: none
	conn    any
	told    int    // what the receiver was told last
	calls   int    // callbacks begun so far
	calling string // the one in progress
	opened  bool
	closed  bool
	busy    chan struct{} // somebody delivers, or is going to; closed when not any more; nil: nobody
}

// The names of the callbacks.
const (
	Connect    = "OnServerConnect"
	Disconnect = "OnServerDisconnect"
)

// New makes a link. resume is called, with the link's lock held, when there is something to deliver: it must see to it
// that somebody soon does. connect and disconnect, the receiver's callbacks, may be nil.
func New(resume func(), connect func(conn any), disconnect func()) *Link {
	return &Link{resume: resume, connect: connect, disconnect: disconnect}
}

// Open lets news through from now on, and sets the state of the connection.
func (l *Link) Open(number int, conn any) {
	l.mu.Lock()
	l.opened = true
	l.mu.Unlock()
	l.Set(number, conn)
}

// Set notes the state of the connection: its number, 0 for none. The returned channel is closed when the receiver
// has caught up; nil means that there is nothing to wait for.
func (l *Link) Set(number int, conn any) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want, l.conn = number, conn
	switch {
	case !l.opened || l.closed || l.told == l.want && l.busy == nil:
		return nil
	case l.busy == nil:
		l.busy = make(chan struct{})
		l.resume()
	}
	return l.busy
}

// Close lets nothing more through. Of a nil Link there is nothing to close. The returned channel is closed when no callback is in progress.
func (l *Link) Close() <-chan struct{} {
	if l == nil {
		return lazy.Closed()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.calling == "" {
		l.rest()
	}
	if l.busy == nil {
		return lazy.Closed()
	}
	return l.busy
}

// Next returns the callback that is due, by which the receiver is told; nil ends the delivery.
func (l *Link) Next() (name string, callback func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.told == l.want {
		l.rest()
		return "", nil
	}
	l.calls++
	if l.told != 0 {
		l.told, l.calling, callback = 0, Disconnect, l.disconnect
	} else {
		l.told, l.calling = l.want, Connect
		if conn := l.conn; l.connect != nil {
			callback = func() { l.connect(conn) }
		}
	}
	if callback == nil {
		callback = func() {}
	}
	return l.calling, callback
}

// Done says that the callback has returned.
func (l *Link) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calling = ""
}

// Busy returns the name of the callback in progress, empty for none, and how many have begun so far. A nil Link has none.
func (l *Link) Busy() (name string, calls int) {
	if l == nil {
		return "", 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calling, l.calls
}

// rest ends busy. Called with the lock held.
func (l *Link) rest() {
	if l.busy != nil {
		close(l.busy)
		l.busy = nil
	}
}
