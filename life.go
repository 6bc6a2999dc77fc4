package sputnik

import (
	"context"
	"runtime/pprof"
	"time"

	"github.com/sputnik-go/sputnik/internal/errs"
	"github.com/sputnik-go/sputnik/internal/lazy"
	"github.com/sputnik-go/sputnik/internal/link"
	"github.com/sputnik-go/sputnik/internal/stack"
	"github.com/sputnik-go/sputnik/internal/wait"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// life is one instance of a block in flight, from its creation to its end.
type life struct {
	unit  *unit
	block *Block
	link  *link.Link // nil where the block has no connection callbacks
	// The context of Run carries the labels and ends with the block's finish. The end of its Flush also frees the
	// block's goroutines from waiting.
	lazy.RunContext
	ran         lazy.Latch // closed when Run has returned
	number      int32      // of the block's instances, from 1
	initialised bool       // Init has succeeded
	replaced    bool       // by a restart, or going to be; guarded by the unit's lock
	down        bool       // has ended, and there is no other; set by the restart, and read when that is through
}

func newLife(u *unit, b *Block) *life {
	l := &life{unit: u, block: b, number: 1}
	if before := u.life.Load(); before != nil {
		l.number = before.number + 1
	}
	l.Init(stack.Labelled(u.in.base, u.in.id, u.desc.Responsibility))
	if b.linked() {
		l.link = link.New(l.deliverSoon, b.onConnect, b.onDisconnect)
	}
	return l
}

// FlushContext returns, for the context of a [WithRunContext], one that outlives it: it ends when the block's time in
// the finish is nearly up, or the finish is cut short (G9), up to a second before the block is abandoned. A Run that
// flushes after the end of its own context gives up by it, and can report what is left. A context that isn't of a Run
// is returned as it is.
func FlushContext(ctx context.Context) context.Context {
	return lazy.FlushOf(ctx)
}

// open lets the news of the connection in, and messages, unless the instance has failed already.
func (l *life) open() {
	l.unit.mu.Lock()
	defer l.unit.mu.Unlock()
	if l.replaced {
		return
	}
	in := l.unit.in
	if l.number > 1 {
		in.setDown(l.unit.desc, nil)
	}
	if l.link != nil {
		in.mu.Lock() // so that the connector's news, which come after, find what they need
		l.link.Open(in.number, in.conn)
		in.mu.Unlock()
	}
	l.unit.box.Open() // a serial block hears of the connection first
}

// label marks the current goroutine as the block's own.
func (l *life) label() { pprof.SetGoroutineLabels(l) }

// timeUp ends what the block's goroutines wait for in requests, and by FlushContext.
func (l *life) timeUp() {
	l.Flush.End(nil)
	l.unit.peer.GiveUp(errTimeToFinish)
}

// release ends all that the block may still wait for, before it is abandoned.
func (l *life) release() {
	l.unit.box.Close()
	l.unit.box.CallOff()
	l.timeUp()
}

// comeUp calls Init or Attach.
func (l *life) comeUp(attach bool) error {
	l.label()
	if attach {
		l.block.attach(&communicator{l.unit, l.unit})
		return nil
	}
	return l.block.init(ConfFor(l.unit.in.cfg.confFactory, l.unit.desc))
}

// start starts Run on a goroutine of its own, and returns when Run is about to be entered, which begun tells (G3).
func (l *life) start(begun chan struct{}) {
	go func() {
		defer l.ran.Close()
		l.label()
		guard(func() error {
			l.unit.enter(StateRunning)
			emit(l.unit.in, BlockRunning{l.unit.in.now(), l.unit.desc})
			begun <- struct{}{}
			return l.run()
		}, l.runReturned)
	}()
	<-begun
}

func (l *life) run() error {
	bc := &communicator{from: l.unit, to: l.unit}
	if l.block.runContext == nil {
		l.block.run(bc)
		return nil
	}
	err := l.block.runContext(l, bc)
	if l.Err() != nil && errs.IsOnly(err, l.Err(), context.Cause(l)) {
		return nil
	}
	return err
}

func (l *life) runReturned(err error) {
	hung, _ := err.(*AbandonedError) //nolint:errorlint // not one of a flight within
	switch {
	case hung != nil && hung.Block == l.unit.desc:
		l.unit.fault(hung)
	case err != nil:
		l.fail("Run", err)
		l.End(err) // what else the block has started need not wait for the finish
	case l.block.policy().When == RestartAlways && l.Err() == nil:
		l.unit.restart(l, &BlockError{l.unit.desc, "Run", errReturned})
	}
	if l.block.finish == nil && l.Err() != nil {
		l.link.Close() // no more news where Run has ended in the finish and there is no Finish (G5)
	}
}

// fail notes that a callback failed, which restarts the block or stops the process (G11).
func (l *life) fail(callback string, err error) {
	u := l.unit
	be := &BlockError{Block: u.desc, Callback: callback, Err: err}
	restarts := u.restart(l, be)
	u.failed(StateRunning, be)
	emit(u.in, BlockFailed{now(), u.desc, be}) // before the restart says anything: it awaits this callback
	if !restarts {
		u.fault(be)
		u.stop(be)
	}
}

// consume is the goroutine that calls OnMsg, and the connection callbacks of a serial block. One
// guard serves many messages; after a panic it goes on with the next one (unless the block is restarted: else the
// process is finishing by then, but what was accepted is still handled).
func (l *life) consume() {
	more, inMsg := true, false
	var request *wait.Wait[BlockDescriptor] // that the message in OnMsg makes
	l.label()
	box, peer, onMsg := &l.unit.box, &l.unit.peer, l.block.onMsg
	for more {
		guard(func() error {
			var m Msg
			for m, more = box.Next(); more; m, more = box.Next() {
				if m == nil {
					if box.TakeNews() && l.link != nil {
						l.deliver()
					}
					continue
				}
				inMsg = true
				if request = peer.Of(m); request != nil {
					request.Taken(int(l.number))
				}
				onMsg(m)
				inMsg = false
				if request != nil {
					request.Passed(peer)
				}
				box.Handled()
			}
			return nil
		}, func(err error) {
			if inMsg {
				inMsg = false
				box.Handled()
				request.Failed(peer, &BlockError{l.unit.desc, "OnMsg", err})
				l.fail("OnMsg", err)
			}
			if isGoexit(err) { // this goroutine ends
				go l.consume()
			}
		})
	}
}

// deliverSoon has the news of the connection delivered: on a goroutine of its own or, where callbacks are serial, on
// the one that calls OnMsg.
func (l *life) deliverSoon() {
	if l.block.serial {
		l.unit.box.Kick()
	} else {
		go l.deliver()
	}
}

// deliver calls the block until it knows the newest state of the connection (G16).
func (l *life) deliver() {
	l.label()
	for {
		name, callback := l.link.Next()
		if callback == nil {
			return
		}
		guard(func() error { callback(); return nil }, func(err error) {
			if err != nil {
				l.fail(name, err)
			}
			l.link.Done()
			if isGoexit(err) { // this goroutine ends, what is left to tell needs another
				l.deliverSoon()
			}
		})
	}
}

// end ends an instance within its share of time: its context, then Finish, then Run and all other callbacks are
// awaited (G5). emptied is closed when no OnMsg is in progress any more; wait can be cut short; release ends what
// the block may still wait for. It returns the names of the callbacks that did not come back. w is the goroutine of
// initialisation where Run was never started.
func (l *life) end(w *worker.Worker, cause error, emptied <-chan struct{}, began time.Time, share time.Duration, wait *worker.Waiter, release func()) (stuck []string) {
	tail := min(share/4, maxTail)
	soft := began.Add(share - tail)
	l.End(cause)
	if w == nil && l.block.finish == nil {
		wait.Wait(l.ran.Done(), soft) // it may flush, and hears of the connection until it is through
	}
	var most [4]worker.Callback
	callbacks := append(most[:0], worker.Callback{Name: "OnMsg", Done: emptied},
		worker.Callback{Name: "OnServerConnect or OnServerDisconnect", Done: l.link.Close()})
	if l.block.finish != nil {
		callbacks = append(callbacks, worker.Callback{Name: "Finish", Done: l.finish(w)})
	}
	if w == nil {
		callbacks = append(callbacks, worker.Callback{Name: "Run", Done: l.ran.Done()})
	}
	stuck = wait.Stuck(callbacks, soft)
	release() // before the time is up: a callback may hang in a Send that waits
	if len(stuck) > 0 {
		if worker.Closed(l.unit.in.hurried) {
			tail = min(share, l.unit.in.share(l.unit))
		}
		stuck = new(worker.Waiter).Stuck(callbacks, time.Now().Add(tail))
	}
	return stuck
}

// finish calls the block's Finish: on the goroutine of initialisation, or on one of its own. The returned channel is
// closed when it is through.
func (l *life) finish(w *worker.Worker) <-chan struct{} {
	done := make(chan struct{})
	start := func(step func()) { go step() }
	if w != nil {
		start = w.Run
	}
	start(func() {
		l.label()
		guard(func() error { l.block.finish(w != nil); return nil }, func(err error) {
			if err != nil {
				l.fail("Finish", err)
			}
			close(done)
		})
	})
	return done
}
