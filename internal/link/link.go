// Package link brings the news of a connection to one receiver that may be slow.
package link

import "sync"

// Link makes the news alternate strictly, connect, disconnect, connect, and skips what is outdated: a slow
// receiver gets the newest state, not the history.
//
// Whoever delivers calls Next and, after each callback, Done, until Next has nothing more.
type Link struct {
	resume func()

	mu      sync.Mutex
	want    int // number of the current connection; 0: none
	conn    any
	told    int // what the receiver was told last
	calls   int // callbacks begun so far
	calling Kind
	opened  bool
	closed  bool
	busy    bool          // somebody delivers, or is going to
	idle    chan struct{} // closed when not busy
}

// Kind of news.
type Kind uint8

// The kinds.
const (
	None Kind = iota
	Connect
	Disconnect
)

// New makes a link. resume is called, with the link's lock held, when there is something to deliver: it must see to it that
// somebody soon does.
func New(resume func()) *Link {
	l := &Link{resume: resume, idle: make(chan struct{})}
	close(l.idle)
	return l
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
	case !l.opened || l.closed || l.told == l.want && !l.busy:
		return nil
	case !l.busy:
		l.busy, l.idle = true, make(chan struct{})
		l.resume()
	}
	return l.idle
}

// Close lets nothing more through. The returned channel is closed when no callback is in progress.
func (l *Link) Close() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.calling == None {
		l.rest()
	}
	return l.idle
}

// Next returns what the receiver is to be told now; None ends the delivery.
func (l *Link) Next() (kind Kind, conn any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || l.told == l.want:
		l.rest()
		return None, nil
	case l.told != 0:
		l.told, l.calling = 0, Disconnect
	default:
		l.told, l.calling = l.want, Connect
		conn = l.conn
	}
	l.calls++
	return l.calling, conn
}

// Done says that the callback has returned.
func (l *Link) Done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calling = None
}

// Busy returns the kind of callback in progress, and how many have begun so far.
func (l *Link) Busy() (kind Kind, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calling, l.calls
}

// rest ends busy. Called with the lock held.
func (l *Link) rest() {
	if l.busy {
		l.busy = false
		close(l.idle)
	}
}

// String names the callback.
func (k Kind) String() string {
	switch k {
	case Connect:
		return "OnServerConnect"
	case Disconnect:
		return "OnServerDisconnect"
	case None:
	}
	return ""
}
