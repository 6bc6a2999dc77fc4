package systemd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

func init() {
	sputnik.RegisterBlockFactory(Name, func() *sputnik.Block { return NewBlock(slog.Default()) })
}

// NewBlock makes the block "systemd" with a logger of its own.
func NewBlock(log *slog.Logger) *sputnik.Block {
	return newBlock(log, machine{os.Getenv, os.Getpid(), dial, monotonic})
}

// machine is what the block needs of the machine that it runs on.
type machine struct {
	getenv    func(string) string
	pid       int
	dial      func(address string) notifier
	monotonic func() uint64 // microseconds
}

func newBlock(log *slog.Logger, m machine) *sputnik.Block {
	return sputnik.BlockOf(&block{log: log.With("block", Name), machine: m})
}

// shortestTick bounds how often a very short WatchdogSec has the process looked at.
const shortestTick = 10 * time.Millisecond

// lookLimit is how long the engine may take for a snapshot, which it makes without waiting for anybody.
const lookLimit = time.Second

// block is the block. Everything happens on the goroutine of Run.
type block struct {
	log     *slog.Logger
	machine machine
	conf    Conf
	env     environment
}

// Init reads the configuration and the environment.
func (b *block) Init(cf sputnik.ConfFactory) error {
	var wrong, odd error
	b.conf, wrong = ReadConf(cf)
	b.env, odd = readEnvironment(b.machine.getenv, b.machine.pid)
	return errors.Join(wrong, odd)
}

// Run tells of the process until ctx ends, which is the end of the finish where the block is listed first.
func (b *block) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	if err := b.checkNames(bc); err != nil {
		return err
	}
	first, ok := sputnik.StatusOf(bc)
	if b.env.socket == "" || !ok {
		b.log.Debug("no service manager to notify", "NOTIFY_SOCKET", b.env.socket, "process", ok)
		return nil
	}
	b.checkPlace(first, bc)

	tick := b.conf.Interval
	if b.env.watchdog > 0 {
		tick = max(min(tick, b.env.watchdog/4), shortestTick)
	}
	w := watcher{
		log:  b.log,
		send: b.machine.dial(b.env.socket),
		look: looker{ask: func() sputnik.Status { s, _ := sputnik.StatusOf(bc); return s }},
		tell: teller{conf: b.conf, watchdog: b.env.watchdog, tick: tick, monotonic: b.machine.monotonic},
	}
	defer w.look.close()
	turned := make(chan struct{}, 1)
	stop, _ := sputnik.Observe(bc, func(e sputnik.Event) { wake(turned, e) }) // without it, there is the ticker
	defer stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		w.step()
		select {
		case <-ticker.C:
		case <-turned:
		case <-ctx.Done():
			w.tell.pinged = time.Time{} // the next flight, after a reload, takes its time until it can tell
			w.step()
			return nil
		}
	}
}

// wake has the process looked at when it has turned, so that the service manager needn't wait for the next tick.
func wake(turned chan<- struct{}, e sputnik.Event) {
	switch e.(type) {
	case sputnik.ReadyChanged, sputnik.ProcessFinishing:
		select {
		case turned <- struct{}{}:
		default: // it is about to be looked at
		}
	}
}

// checkNames finds a responsibility in the configuration that no block has.
func (b *block) checkNames(bc sputnik.BlockCommunicator) error {
	f := fault.Of(Name)
	check := func(key string, names []string) {
		for _, resp := range names {
			_, ok := bc.Communicator(resp)
			f.Unless(ok, key, "there is no block with the responsibility %q in the block list", resp)
		}
	}
	check("watchdog_ignore", b.conf.WatchdogIgnore)
	check("watchdog_progress", b.conf.WatchdogProgress)
	return f.Join()
}

// checkPlace warns where blocks outlive this one: nobody then tells of their finish.
func (b *block) checkPlace(s sputnik.Status, bc sputnik.BlockCommunicator) {
	if app := appBlocks(s); len(app) > 0 && app[0].Block != bc.Descriptor() {
		b.log.Warn("not the first of the block list: the service manager isn't told of the finish of the blocks before it",
			"first", app[0].Block.Responsibility)
	}
}
