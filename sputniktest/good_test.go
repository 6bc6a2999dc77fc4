package sputniktest

import (
	"context"
	"sync"

	"github.com/sputnik-go/sputnik"
)

func lines() []sputnik.Msg {
	return []sputnik.Msg{{"line": "one", "n": 1}, {"line": "two", "n": 2}}
}

func goodBlocks() map[string]sputnik.BlockFactory {
	return map[string]sputnik.BlockFactory{
		"WithRunContext": func() *sputnik.Block {
			return sputnik.NewBlock(sputnik.WithInit(noInit), sputnik.WithRunContext(untilDone))
		},
		"Run and Finish": runAndFinish,
		"serial":         func() *sputnik.Block { return sputnik.BlockOf(new(serial), sputnik.WithSerialCallbacks()) },
		"BlockOf":        func() *sputnik.Block { return sputnik.BlockOf(new(flusher)) },
		"recorder":       func() *sputnik.Block { return new(Recorder).Factory() },
		"linked recorder": func() *sputnik.Block {
			return new(Recorder).Linked()
		},
		"echo": Echo,
		"bounded": func() *sputnik.Block {
			return sputnik.BlockOf(new(serial), sputnik.WithSerialCallbacks(), sputnik.WithMailbox(4, sputnik.Wait))
		},
	}
}

func noInit(sputnik.ConfFactory) error { return nil }

// runAndFinish is in the style of the first form of Run.
func runAndFinish() *sputnik.Block {
	stop := make(chan struct{})
	var once sync.Once
	return sputnik.NewBlock(
		sputnik.WithInit(noInit),
		sputnik.WithRun(func(sputnik.BlockCommunicator) { <-stop }),
		sputnik.WithFinish(func(bool) { once.Do(func() { close(stop) }) }),
		sputnik.WithOnMsg(func(sputnik.Msg) {}),
	)
}

// serial sends lines to the connection, without a lock.
type serial struct {
	conn  *Conn
	early []string
	sent  int
}

func (s *serial) Init(sputnik.ConfFactory) error { return nil }
func (s *serial) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	return ctx.Err()
}
func (s *serial) OnServerConnect(conn sputnik.ServerConnection) { s.conn, _ = conn.(*Conn) }
func (s *serial) OnServerDisconnect()                           { s.conn = nil }

func (s *serial) OnMsg(msg sputnik.Msg) {
	line, ok := msg["line"].(string)
	switch {
	case !ok:
	case s.conn == nil:
		s.early = append(s.early, line)
	default:
		s.sent += s.conn.Number
	}
}

// flusher hands its messages to Run, which flushes them at the end.
type flusher struct {
	mu    sync.Mutex
	lines []string
	sink  sputnik.BlockCommunicator
}

func (f *flusher) Init(sputnik.ConfFactory) error { return nil }

func (f *flusher) Attach(bc sputnik.BlockCommunicator) { f.sink, _ = bc.Communicator("sink") }

func (f *flusher) OnMsg(msg sputnik.Msg) {
	if line, ok := msg["line"].(string); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lines = append(f.lines, line)
	}
}

func (f *flusher) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		if f.sink != nil {
			f.sink.Send(sputnik.Msg{"line": line})
		}
	}
	return nil
}
