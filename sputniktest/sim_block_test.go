package sputniktest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

var errPlanned = errors.New("planned failure")

// simBlock is one instance of a block of the plan.
type simBlock struct {
	w        *world
	slot     int
	instance int
	bp       *blockPlan
	stop     func() // ends a Run without context
	stopped  chan struct{}
	life     life             // for the oracle
	actors   [perBlock]*actor // of each callback; those of the connection share one
}

func (w *world) factory(slot int) sputnik.BlockFactory {
	return func() *sputnik.Block {
		bp := &w.plan.blocks[slot]
		b := &simBlock{w: w, slot: slot, instance: w.o.created(slot), bp: bp, stopped: make(chan struct{})}
		b.stop = sync.OnceFunc(func() { close(b.stopped) })
		for c := range b.actors {
			id := idBlocks + (slot*instances+b.instance%instances)*perBlock + c
			b.actors[c] = w.actor(id, "%s/%d %v", resp(slot), b.instance, call(c))
		}
		b.actors[callDisconnect] = b.actors[callConnect]
		return b.make()
	}
}

func (b *simBlock) make() *sputnik.Block {
	bp := b.bp
	var opts []sputnik.BlockOption
	if bp.serial {
		opts = append(opts, sputnik.WithSerialCallbacks())
	}
	if bp.capacity > 0 {
		opts = append(opts, sputnik.WithMailbox(bp.capacity, bp.overflow))
	}
	if bp.limit > 0 {
		opts = append(opts, sputnik.WithBlockFinishTimeout(bp.limit))
	}
	if bp.restart.When != sputnik.RestartNever {
		opts = append(opts, sputnik.WithRestart(bp.restart))
	}
	if bp.attach {
		opts = append(opts, sputnik.WithAttach(b.Attach))
	}
	if bp.msg {
		opts = append(opts, sputnik.WithOnMsg(b.OnMsg))
	}
	if bp.linked {
		opts = append(opts, sputnik.WithOnConnect(b.OnServerConnect), sputnik.WithOnDisconnect(b.OnServerDisconnect))
	}
	if bp.method {
		switch bp.kind {
		case runFinish:
			return sputnik.BlockOf(plainMethods{b}, opts...)
		case runContext:
			return sputnik.BlockOf(contextMethods{b}, opts...)
		default:
			return sputnik.BlockOf(struct {
				contextMethods
				finishMethod
			}{contextMethods{b}, finishMethod{b}}, opts...)
		}
	}
	opts = append(opts, sputnik.WithInit(b.init))
	if bp.kind == runFinish {
		opts = append(opts, sputnik.WithRun(b.run))
	} else {
		opts = append(opts, sputnik.WithRunContext(b.runContext))
	}
	if bp.kind != runContext {
		opts = append(opts, sputnik.WithFinish(b.finish))
	}
	return sputnik.NewBlock(opts...)
}

type (
	plainMethods   struct{ b *simBlock }
	contextMethods struct{ b *simBlock }
	finishMethod   struct{ b *simBlock }
)

func (m plainMethods) Init(cf sputnik.ConfFactory) error   { return m.b.init(cf) }
func (m plainMethods) Run(bc sputnik.BlockCommunicator)    { m.b.run(bc) }
func (m plainMethods) Finish(init bool)                    { m.b.finish(init) }
func (m contextMethods) Init(cf sputnik.ConfFactory) error { return m.b.init(cf) }
func (m finishMethod) Finish(init bool)                    { m.b.finish(init) }
func (m contextMethods) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	return m.b.runContext(ctx, bc)
}

// play is a callback: the oracle sees it begin and end, and in between the items of the plan are done.
func (b *simBlock) play(c call, detail string, body func(s *stage) error) (err error) {
	a := b.actors[c]
	n := b.w.o.begin(b, c, detail)
	a.say("%v %d begins%s", c, n, detail)
	s := &stage{
		w: b.w, a: a, slot: b.slot, how: returns, mute: b.bp.kind == runFinish,
		serv: c == callMsg || b.bp.serial && (c == callConnect || c == callDisconnect),
	}
	defer func() {
		b.w.o.end(b, c, s.how)
		a.say("%v %d %s", c, n, s.how)
	}()
	if !b.bp.quick || len(b.w.plan.at(b.slot, c, n)) > 0 {
		a.dally(15 * time.Millisecond)
	}
	if err = s.act(c, n); err == nil && !s.over && body != nil {
		err = body(s)
	}
	if err != nil {
		s.how = fails
	}
	return err
}

func (b *simBlock) init(sputnik.ConfFactory) error { return b.play(callInit, "", nil) }

func (b *simBlock) Attach(bc sputnik.BlockCommunicator) {
	b.w.handle(b, bc)
	_ = b.play(callAttach, "", nil)
}

func (b *simBlock) run(bc sputnik.BlockCommunicator) {
	b.w.handle(b, bc)
	_ = b.play(callRun, "", func(s *stage) error {
		<-b.stopped
		return b.flush(s)
	})
}

func (b *simBlock) runContext(ctx context.Context, bc sputnik.BlockCommunicator) error {
	b.w.handle(b, bc)
	err := b.play(callRun, "", func(s *stage) error {
		<-ctx.Done()
		b.w.o.contextEnded(b, context.Cause(ctx))
		return b.flush(s)
	})
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// flush is what Run does after it was told to end.
func (b *simBlock) flush(s *stage) error {
	s.a.say("is told to end")
	s.a.dally(15 * time.Millisecond)
	return s.act(callFlush, 0)
}

func (b *simBlock) finish(init bool) {
	defer b.stop()
	_ = b.play(callFinish, fmt.Sprintf(" (init %v)", init), nil)
}

func (b *simBlock) OnServerConnect(conn sputnik.ServerConnection) {
	b.w.o.told(b, conn.(int))
	_ = b.play(callConnect, fmt.Sprintf(" (epoch %d)", conn), nil)
}

func (b *simBlock) OnServerDisconnect() {
	b.w.o.told(b, 0)
	_ = b.play(callDisconnect, "", nil)
}

func (b *simBlock) OnMsg(msg sputnik.Msg) {
	b.w.o.received(b, msg)
	_ = b.play(callMsg, fmt.Sprintf(" (%s %d)", msg["from"], msg["seq"]), func(s *stage) error {
		if q, ok := msg["ask"].(*ask); ok {
			b.answer(s, q, msg)
		}
		return nil
	})
}

// exit ends the goroutine, or panics, as the deed says.
func exit(d deed, text string) {
	if d == doGoexit {
		runtime.Goexit()
	}
	panic(fmt.Errorf("%w: %s", errPlanned, text))
}
