package sputniktest

import (
	"context"
	"testing"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Call is one call of a callback of a [Recorder]. Only the field that belongs to the callback is set.
type Call struct {
	Callback   string // "Init", "Attach", "Run", "OnServerConnect", "OnServerDisconnect", "OnMsg" or "Finish"
	At         time.Time
	Msg        sputnik.Msg              // OnMsg
	Connection sputnik.ServerConnection // OnServerConnect
	Unlaunched bool                     // Finish: its argument
}

// Recorder is a block that notes what it is called with, in order. Its zero value is ready. One recorder is one block
// of one process. Its methods may be called from any goroutine.
type Recorder struct{ calls journal[Call] }

// Factory makes the block; it is a [sputnik.BlockFactory]. It takes messages, and has no connection callbacks.
func (r *Recorder) Factory() *sputnik.Block { return sputnik.NewBlock(r.options()...) }

// Linked makes the block with connection callbacks; the process then needs a connector.
func (r *Recorder) Linked() *sputnik.Block {
	return sputnik.NewBlock(append(
		r.options(),
		sputnik.WithOnConnect(func(conn sputnik.ServerConnection) {
			r.note(Call{Callback: "OnServerConnect", Connection: conn})
		}),
		sputnik.WithOnDisconnect(func() { r.note(Call{Callback: "OnServerDisconnect"}) }),
	)...)
}

func (r *Recorder) options() []sputnik.BlockOption {
	return []sputnik.BlockOption{
		sputnik.WithInit(func(sputnik.ConfFactory) error { r.note(Call{Callback: "Init"}); return nil }),
		sputnik.WithAttach(func(sputnik.BlockCommunicator) { r.note(Call{Callback: "Attach"}) }),
		sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
			r.note(Call{Callback: "Run"})
			return untilDone(ctx, bc)
		}),
		sputnik.WithOnMsg(func(msg sputnik.Msg) { r.note(Call{Callback: "OnMsg", Msg: msg}) }),
		sputnik.WithFinish(func(init bool) { r.note(Call{Callback: "Finish", Unlaunched: init}) }),
	}
}

func (r *Recorder) note(c Call) {
	c.At = time.Now()
	r.calls.add(c)
}

// Calls returns all calls so far.
func (r *Recorder) Calls() []Call { return r.calls.all() }

// Callbacks returns the names of all calls so far.
func (r *Recorder) Callbacks() []string {
	var names []string
	for _, c := range r.calls.all() {
		names = append(names, c.Callback)
	}
	return names
}

// Messages returns all messages so far. They belong to the recorder: don't change them.
func (r *Recorder) Messages() []sputnik.Msg {
	var msgs []sputnik.Msg
	for _, c := range r.calls.all() {
		if c.Callback == "OnMsg" {
			msgs = append(msgs, c.Msg)
		}
	}
	return msgs
}

// Await waits for the n-th call (from 1) of a callback and returns it. It ends the test after 30 s, or, in a bubble, a
// day of fake time.
func (r *Recorder) Await(tb testing.TB, callback string, n int) Call {
	tb.Helper()
	limit := DefaultLimit
	if currentBubble() != "" {
		limit = DefaultBubbleLimit
	}
	c, ok := r.await(limit, nil, callback, n)
	if !ok {
		tb.Fatalf("sputniktest: %s was not called %d times within %v; the last calls were%s", callback, n, limit, r.calls.last(8))
	}
	return c
}

// AwaitMessages waits until n messages have come and returns all that have. The limit is that of Await.
func (r *Recorder) AwaitMessages(tb testing.TB, n int) []sputnik.Msg {
	tb.Helper()
	if n > 0 {
		r.Await(tb, "OnMsg", n)
	}
	return r.Messages()
}

func (r *Recorder) await(limit time.Duration, quit <-chan struct{}, callback string, n int) (Call, bool) {
	count := 0
	c, err := r.calls.await(limit, quit, func(c Call) (bool, error) {
		if c.Callback == callback {
			count++
		}
		return count == n, nil
	})
	return c, err == nil
}
