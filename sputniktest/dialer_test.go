package sputniktest

import (
	"context"
	"errors"
	"sync"

	"github.com/sputnik-go/sputnik"
)

// dialer is a good connector to a pretended server; a bad one replaces a part.
type dialer struct {
	*station
	end    <-chan struct{} // of the world
	mu     sync.Mutex
	broken chan error
	quit   chan struct{} // ends the reader
	ended  chan struct{}
	alive  bool
}

// station is the server: it can be down.
type station struct {
	mu    sync.Mutex
	isOff bool
	off   chan struct{} // closed when it goes down; made anew when it comes up
	muted chan struct{} // nil: it answers
}

func newStation() *station { return &station{off: make(chan struct{})} }

func (s *station) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isOff = true
	close(s.off)
}

func (s *station) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isOff = false
	s.off = make(chan struct{})
}

func (s *station) mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = make(chan struct{})
}

func (s *station) unmute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.muted)
	s.muted = nil
}

var errOff = errors.New("connection refused")

// dial returns what is closed when the connection breaks.
func (s *station) dial(ctx context.Context) (off <-chan struct{}, err error) {
	s.mu.Lock()
	isOff, off, muted := s.isOff, s.off, s.muted
	s.mu.Unlock()
	if isOff {
		return nil, errOff
	}
	if muted != nil {
		select {
		case <-muted:
		case <-ctx.Done():
		}
	}
	return off, ctx.Err()
}

func (d *dialer) Connect(cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return d.ConnectContext(context.Background(), cf)
}

func (d *dialer) ConnectContext(ctx context.Context, _ sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	off, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	broken, quit, ended := make(chan error, 1), make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	d.broken, d.quit, d.ended, d.alive = broken, quit, ended, true
	d.mu.Unlock()
	go func() { // the reader
		defer close(ended)
		select {
		case <-off:
			d.mu.Lock()
			defer d.mu.Unlock()
			d.alive = false
			broken <- errOff
		case <-quit:
		case <-d.end:
		}
	}()
	return d, nil
}

func (d *dialer) IsConnected() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.alive
}

func (d *dialer) Disconnect() {
	close(d.quit)
	<-d.ended
}

func (d *dialer) Broken() <-chan error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}
