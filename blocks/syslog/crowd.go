package syslog

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// crowd is all connections of all listeners.
type crowd struct {
	most, mostPerPeer int

	mu    sync.Mutex
	conns map[*conn]struct{}
	hosts map[netip.Addr]int
	until time.Time // set by drain: no connection is read after it
}

func newCrowd(conf Conf) *crowd {
	return &crowd{
		most: conf.MaxConn, mostPerPeer: conf.MaxConnPerPeer,
		conns: make(map[*conn]struct{}), hosts: make(map[netip.Addr]int),
	}
}

// add takes one in, or counts it as refused.
func (w *crowd) add(c *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := &c.r.count
	switch {
	case len(w.conns) >= w.most:
		count.refused.Add(1)
		return false
	case w.mostPerPeer > 0 && c.host.IsValid() && w.hosts[c.host] >= w.mostPerPeer:
		count.refusedPeer.note(c.host.String())
		return false
	}
	if !w.until.IsZero() {
		c.readUntil(w.until)
	}
	w.conns[c] = struct{}{}
	if c.host.IsValid() {
		w.hosts[c.host]++
	}
	count.connections.Add(1)
	return true
}

func (w *crowd) remove(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	if !c.host.IsValid() {
		return
	}
	if w.hosts[c.host]--; w.hosts[c.host] == 0 {
		delete(w.hosts, c.host)
	}
}

func (w *crowd) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.conns)
}

// drain lets the connections be read until then, also those that still come.
func (w *crowd) drain(until time.Time) {
	w.mu.Lock()
	w.until = until
	all := slices.Collect(maps.Keys(w.conns))
	w.mu.Unlock()
	for _, c := range all { // without the lock, which each needs to leave
		c.readUntil(until)
	}
}

// abort ends what the connections still wait for.
func (w *crowd) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.cutShort()
	}
}
