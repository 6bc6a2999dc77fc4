package sputnik

import "sync"

// link tells one block of the connection, so that its callbacks alternate strictly and a slow block gets
// the newest state, not the history (G16).
type link struct {
	unit *unit

	mu      sync.Mutex
	want    int // number of the current connection; 0: none
	conn    ServerConnection
	told    int // what the block was told last
	closed  bool
	busy    bool          // a goroutine works on it, or is going to
	calling bool          // a callback is in progress
	idle    chan struct{} // closed when not busy
}

func newLink(u *unit) *link {
	l := &link{unit: u, idle: make(chan struct{})}
	close(l.idle)
	return l
}

// set notes the state of the connection. The returned channel is closed when the block has caught up; nil means
// that there is nothing to wait for.
func (l *link) set(want int, conn ServerConnection) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want, l.conn = want, conn
	return l.catchUp()
}

// close lets nothing more through. The returned channel is closed when no callback is in progress.
func (l *link) close() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if !l.calling {
		l.rest()
	}
	return l.idle
}

// catchUp starts the delivery where there is something to deliver. Called with the lock held.
func (l *link) catchUp() <-chan struct{} {
	switch {
	case l.closed || l.told == l.want && !l.busy:
		return nil
	case !l.busy:
		l.busy, l.idle = true, make(chan struct{})
		l.resume()
	}
	return l.idle
}

// rest ends busy. Called with the lock held.
func (l *link) rest() {
	if l.busy {
		l.busy = false
		close(l.idle)
	}
}

func (l *link) resume() {
	if l.unit.block.serial {
		l.unit.box.Kick()
	} else {
		go l.deliver()
	}
}

// deliver calls the block until it knows the newest state: on a goroutine of its own, or, where callbacks are
// serial, on the one that calls OnMsg.
func (l *link) deliver() {
	l.unit.label()
	for {
		name, call := l.next()
		if call == nil {
			return
		}
		guard(call, func(err error) {
			if err != nil {
				l.unit.fail(name, err)
			}
			l.mu.Lock()
			l.calling = false
			l.mu.Unlock()
			if isGoexit(err) { // this goroutine ends, what is left to tell needs another
				l.resume()
			}
		})
	}
}

// next returns the callback that is due.
func (l *link) next() (string, func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.told == l.want {
		l.rest()
		return "", nil
	}
	b := l.unit.block
	if l.told != 0 {
		l.told = 0
		l.calling = true
		return "OnServerDisconnect", func() error {
			if b.onDisconnect != nil {
				b.onDisconnect()
			}
			return nil
		}
	}
	l.told = l.want
	l.calling = true
	conn := l.conn
	return "OnServerConnect", func() error {
		if b.onConnect != nil {
			b.onConnect(conn)
		}
		return nil
	}
}
