package sputniktest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sputnik-go/sputnik"
)

// world is one flight of a plan.
type world struct {
	plan    *plan
	start   time.Time
	trace   *trace
	o       *oracle
	server  *server
	signals chan os.Signal
	cancel  context.CancelFunc
	late    sync.WaitGroup // replies that come after OnMsg returned
	release chan struct{}  // closed at the end: frees the callbacks that hang

	mu        sync.Mutex
	launch    sputnik.Launch
	shootDown sputnik.ShootDown
	handles   []sputnik.BlockCommunicator
}

// stuckAfter is real time, for flights of milliseconds.
const stuckAfter = 40 * time.Second

// fly flies the plan in a bubble of its own.
func fly(t *testing.T, p *plan) *world {
	t.Helper()
	w := &world{plan: p, trace: new(trace), handles: make([]sputnik.BlockCommunicator, len(p.blocks))}
	w.o = newOracle(w)
	stuck := time.AfterFunc(stuckAfter, func() {
		panic(fmt.Sprintf("seed %d stands still in real time: a lock is held by somebody who waits", p.seed))
	})
	defer stuck.Stop()
	func() {
		defer func() {
			if r := recover(); r != nil { // the bubble's word for goroutines that are left, or for ever blocked
				w.o.offend("G10", "%v", r)
			}
		}()
		synctest.Test(t, func(*testing.T) { w.run() })
	}()
	return w
}

func (w *world) now() time.Duration { return time.Since(w.start) }

func (w *world) run() {
	p := w.plan
	w.start = time.Now()
	w.signals = make(chan os.Signal, 64)
	w.release = make(chan struct{})
	w.server = &server{w: w, a: w.actor(idServer, "server")}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.cancel = cancel

	var steps sync.WaitGroup
	for _, it := range p.items {
		if it.call == callStep {
			steps.Go(func() {
				s := &stage{w: w, a: w.actor(idSteps+it.id, "step %d", it.id), slot: it.slot}
				_ = s.do(it, callStep)
			})
		}
	}
	steps.Go(w.guard)
	m := w.actor(idMain, "main")
	m.sleep(p.prepareAt)
	sp, err := sputnik.NewSputnik(w.options(ctx)...)
	if err == nil {
		err = w.fly(m, sp)
	}
	if _, bad := errors.AsType[*sputnik.SetupError](err); bad {
		w.o.offend("plan", "%v", err)
	}
	steps.Wait()
	if m.sleep(10 * time.Millisecond); !w.o.idle() {
		close(w.release)
		m.sleep(2 * time.Minute)
	}
	w.late.Wait()
	synctest.Wait()
	if sp != nil {
		w.o.final(sp.Status())
	}
}

// guard stops the process when its time is over.
func (w *world) guard() {
	a := w.actor(idGuardian, "guardian")
	a.sleep(w.plan.life)
	s := &stage{w: w, a: a}
	w.mu.Lock()
	prepared := w.shootDown != nil
	w.mu.Unlock()
	if !prepared {
		_ = s.do(item{do: doCancel}, callStep)
		return
	}
	s.shootDown()
}

func (w *world) fly(m *actor, sp *sputnik.Sputnik) error {
	p := w.plan
	m.say("prepares")
	w.o.preparing()
	launch, shootDown, err := sp.Prepare()
	m.say("Prepare: %s", describe(err))
	w.o.prepared(err)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.launch, w.shootDown = launch, shootDown
	w.mu.Unlock()
	m.sleep(p.launchAt)
	if s := (&stage{w: w, a: m}); p.noLaunch {
		s.shootDown()
		m.sleep(0)
	}
	m.say("launches")
	w.o.launching()
	err = launch()
	w.o.launchReturned(err, false)
	m.say("launch: %s", describe(err))
	return nil
}

func (w *world) options(ctx context.Context) []sputnik.SputnikOption {
	p := w.plan
	var list []sputnik.BlockDescriptor
	factories := sputnik.BlockFactories{}
	for slot, bp := range p.blocks {
		if bp.absent {
			continue
		}
		factories[resp(slot)] = w.factory(slot)
		if !bp.spare {
			list = append(list, sputnik.BlockDescriptor{Name: resp(slot), Responsibility: resp(slot)})
		}
	}
	opts := []sputnik.SputnikOption{
		sputnik.WithConfFactory(func(name string, _ any) error { return fmt.Errorf("%s: %w", name, fs.ErrNotExist) }),
		sputnik.WithAppBlocks(list),
		sputnik.WithBlockFactories(factories),
		sputnik.WithSignals(w.signals),
		sputnik.WithContext(ctx),
		sputnik.WithObserver(w.o.observe),
		sputnik.WithInitTimeout(p.initTimeout),
		sputnik.WithFinishTimeout(p.finishTimeout),
		sputnik.WithWatchdog(p.watchdog),
	}
	if p.finishDelay > 0 {
		opts = append(opts, sputnik.WithFinishDelay(p.finishDelay))
	}
	if p.connector != noConnector {
		opts = append(opts, sputnik.WithConnector(w.plugIn(), p.interval),
			sputnik.WithConnectTimeout(p.connectTimeout),
			sputnik.WithBackoffCap(1)) // no room for jitter, which is no part of the seed
	}
	if p.observer {
		opts = append(opts, sputnik.WithObserver(w.secondObserver()))
	}
	return opts
}

// secondObserver fails and dawdles as planned. Events whose number is the scheduler's don't count.
func (w *world) secondObserver() func(sputnik.Event) {
	n := -1
	a := w.actor(idGuardian+1, "observer")
	return func(e sputnik.Event) {
		switch e.(type) {
		case sputnik.MessagesLost, sputnik.BlackBox, sputnik.CallbackStalled, sputnik.CallbackReturned:
			return
		}
		n++
		s := &stage{w: w, a: a, slot: observerSlot, how: returns}
		w.o.observing()
		defer func() { w.o.observed(s.how) }()
		_ = s.act(callObserve, n)
	}
}

// handle keeps a block's handle. That of the first instance has to be good for those that replace it, too.
func (w *world) handle(b *simBlock, bc sputnik.BlockCommunicator) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.handles[b.slot] == nil || w.plan.comesOrGoes(b.slot) {
		w.handles[b.slot] = bc
	}
}

// bc returns a block's handle on itself, nil before it has one.
func (w *world) bc(slot int) sputnik.BlockCommunicator {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.handles[slot]
}

// peer finds a block, or the initiator, by the handle of another.
func (w *world) peer(from, to int) (sputnik.BlockCommunicator, bool) {
	bc := w.bc(from)
	if bc == nil {
		return nil, false
	}
	if to < 0 {
		return bc.Communicator(sputnik.InitiatorResponsibility)
	}
	return bc.Communicator(resp(to))
}

// describe writes an error without stacks, which differ from run to run.
func describe(err error) string {
	fe, ok := errors.AsType[*sputnik.FlightError](err)
	if !ok || error(fe) != err { //nolint:errorlint // the outermost one
		return fmt.Sprint(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "stopped by: %v", fe.Cause)
	for _, f := range fe.Faults {
		fmt.Fprintf(&b, "; %v", f)
	}
	return b.String()
}

// sleep lasts until the first instant of this actor after d.
func (a *actor) sleep(d time.Duration) {
	at := time.Since(a.w.start) + d
	own := time.Duration(a.id*397) % grid
	rest := (own - at%grid + grid) % grid
	if rest == 0 {
		rest = grid
	}
	time.Sleep(d + rest)
}
