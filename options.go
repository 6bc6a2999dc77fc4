package sputnik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"
)

// Defaults of the time limits.
const (
	// DefaultInitTimeout limits each factory, Init and Attach.
	DefaultInitTimeout = 30 * time.Second
	// DefaultFinishTimeout limits the finish of the process; Kubernetes grants 30 s.
	DefaultFinishTimeout = 25 * time.Second
	// DefaultConnectTimeout limits one call of the connector's plug-in. The interval is [DefaultConnectorTimeout].
	DefaultConnectTimeout = 10 * time.Second
	// DefaultBackoffCap limits the pause between two attempts to connect.
	DefaultBackoffCap = time.Minute
)

// config is what the options say. It is not changed after NewSputnik.
type config struct {
	confFactory ConfFactory
	appBlocks   []BlockDescriptor
	factories   BlockFactories // nil: the registered ones
	finisher    BlockDescriptor
	connected   bool // WithConnector was given
	own         int  // blocks before the application's
	connector   ServerConnector
	interval    time.Duration
	ctx         context.Context
	signals     <-chan os.Signal
	observers   []*func(Event)

	initTimeout    time.Duration
	finishTimeout  time.Duration
	finishDelay    time.Duration
	connectTimeout time.Duration
	backoffCap     time.Duration
	watchdog       time.Duration
	blackBox       string // a file; empty: none

	faults []error
}

// SputnikOption sets one property of a process. Misuse is reported by NewSputnik.
type SputnikOption func(sp *Sputnik)

func option(set func(c *config)) SputnikOption {
	return func(sp *Sputnik) { set(sp.cfg) }
}

func (c *config) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

// WithConfFactory sets where blocks get their configuration from. Mandatory.
func WithConfFactory(cf ConfFactory) SputnikOption {
	return option(func(c *config) { c.confFactory = cf })
}

// WithAppBlocks lists the application blocks in the order of initialisation. They finish in reverse: list
// a block after those that it sends to ("sinks first"), and shutdown loses nothing (G4).
func WithAppBlocks(appBlocks []BlockDescriptor) SputnikOption {
	return option(func(c *config) { c.appBlocks = slices.Clone(appBlocks) })
}

// WithBlockFactories sets the factories to use in place of those that were registered. The default finisher
// and connector need not be among them.
func WithBlockFactories(blkFacts BlockFactories) SputnikOption {
	return option(func(c *config) {
		if blkFacts == nil {
			c.fault("WithBlockFactories: nil: leave the option out to use the registered factories")
		}
		c.factories = maps.Clone(blkFacts)
	})
}

// WithFinisher replaces the default finisher, which listens to SIGINT and SIGTERM, by a block of the host. It
// is initialised first and finished last, and asks for the finish by [FinishMsg]. It has no way to force (G9).
func WithFinisher(fbd BlockDescriptor) SputnikOption {
	return option(func(c *config) { c.finisher = fbd })
}

// WithConnector sets the plug-in that connects to the server, and the interval of its heartbeats, which is also the
// base of the backoff between attempts to connect (G15). 0 means [DefaultConnectorTimeout]. After a loss the next
// attempt comes at once if the connection stood for an interval at least, else after the backoff.
func WithConnector(cnt ServerConnector, to time.Duration) SputnikOption {
	return option(func(c *config) {
		c.connected, c.own, c.connector, c.interval = true, 2, cnt, to
		switch {
		case cnt == nil:
			c.fault("WithConnector: nil connector")
		case to < 0:
			c.fault("WithConnector: negative period %v", to)
		case to == 0:
			c.interval = DefaultConnectorTimeout
		}
	})
}

// WithContext finishes the process in order when ctx ends (G6). Its values reach the contexts of [WithRunContext].
func WithContext(ctx context.Context) SputnikOption {
	return option(func(c *config) {
		if ctx == nil {
			c.fault("WithContext: nil context")
			return
		}
		c.ctx = ctx
	})
}

// WithSignals sets the source of the default finisher's signals, in place of the operating system's. A finisher of the
// host's own doesn't see it.
func WithSignals(signals <-chan os.Signal) SputnikOption {
	return option(func(c *config) {
		if signals == nil {
			c.fault("WithSignals: nil channel")
		}
		c.signals = signals
	})
}

// WithObserver adds an observer of lifecycle events. It gets each event of this process, in order, on one
// goroutine that all observers share. A slow one holds up nobody but the others: events wait in a buffer
// (16,384; what goes beyond is counted by [EventsLost]), and launch waits for the last one for a second at
// most. An observer that panics is called again for the next event; launch's error tells of the first panic.
func WithObserver(observe func(Event)) SputnikOption {
	return option(func(c *config) {
		if observe == nil {
			c.fault("WithObserver: nil observer")
			return
		}
		c.observers = append(c.observers, &observe)
	})
}

// WithLogger writes the lifecycle events to l, by [LogObserver]; a nil l is silent. sputnik logs nowhere else.
func WithLogger(l *slog.Logger) SputnikOption {
	return option(func(c *config) {
		if l != nil {
			c.observers = append(c.observers, new(LogObserver(l)))
		}
	})
}

// WithInitTimeout limits each factory, Init and Attach; see [DefaultInitTimeout].
func WithInitTimeout(d time.Duration) SputnikOption {
	return limit("WithInitTimeout", d, func(c *config) *time.Duration { return &c.initTimeout })
}

// WithFinishTimeout limits the whole finish (G7); see [DefaultFinishTimeout]. Each block gets half of what is left
// of it, unless it has a limit of its own ([WithBlockFinishTimeout]). launch may take two seconds more:
// one for blocks that hang even so, one for observers.
func WithFinishTimeout(d time.Duration) SputnikOption {
	return limit("WithFinishTimeout", d, func(c *config) *time.Duration { return &c.finishTimeout })
}

// WithFinishDelay sets a pause between the loss of readiness and the rest of the finish, so that those who
// look at readiness can turn away first (G19). It is part of the finish limit. Default: none.
func WithFinishDelay(d time.Duration) SputnikOption {
	return limit("WithFinishDelay", d, func(c *config) *time.Duration { return &c.finishDelay })
}

// WithConnectTimeout limits each call of the connector's plug-in; see [DefaultConnectTimeout].
func WithConnectTimeout(d time.Duration) SputnikOption {
	return limit("WithConnectTimeout", d, func(c *config) *time.Duration { return &c.connectTimeout })
}

// WithBackoffCap limits the pause between two attempts to connect; see [DefaultBackoffCap].
func WithBackoffCap(d time.Duration) SputnikOption {
	return limit("WithBackoffCap", d, func(c *config) *time.Duration { return &c.backoffCap })
}

func limit(name string, d time.Duration, field func(*config) *time.Duration) SputnikOption {
	return option(func(c *config) {
		if d <= 0 {
			c.fault("%s: %v: must be positive", name, d)
			return
		}
		*field(c) = d
	})
}

// check adds the faults that can be seen without making a block.
func (c *config) check() {
	if c.confFactory == nil {
		c.fault("no configuration factory: use WithConfFactory")
	}
	if len(c.appBlocks) == 0 {
		c.fault("no application blocks: use WithAppBlocks")
	}
	if c.finishDelay >= c.finishTimeout {
		c.fault("WithFinishDelay: %v: must be shorter than the finish limit %v", c.finishDelay, c.finishTimeout)
	}
	taken := make(map[string]int, len(c.appBlocks))
	for i, d := range c.descriptors() {
		if c.connected && i == 1 {
			continue
		}
		c.faults = append(c.faults, c.vet(d, i+1, taken[d.Responsibility])...)
		taken[d.Responsibility] = cmp.Or(taken[d.Responsibility], i+1)
	}
}

// vet says what is wrong with a descriptor; other is the position of the block that has its responsibility already, or 0.
func (c *config) vet(d BlockDescriptor, position, other int) (faults []error) {
	wrong := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("block %d (%s): %w", position, d, fmt.Errorf(format, args...)))
	}
	switch {
	case d.Responsibility == "":
		wrong("empty responsibility")
	case d.Responsibility == InitiatorResponsibility, d.Responsibility == DefaultConnectorResponsibility:
		wrong("reserved responsibility")
	case other > 0:
		wrong("responsibility is taken by block %d", other)
	}
	if _, err := c.factory(d.Name); err != nil {
		wrong("%w", err)
	}
	return faults
}

// descriptors lists all blocks in the order of initialisation (G1).
func (c *config) descriptors() []BlockDescriptor {
	all := []BlockDescriptor{c.finisher}
	if c.connected {
		all = append(all, ConnectorDescriptor())
	}
	return append(all, c.appBlocks...)
}

// factory finds the factory of a block. The library's own are found even if the host's list lacks them.
func (c *config) factory(name string) (BlockFactory, error) {
	if name == "" {
		return nil, errors.New("empty name")
	}
	f, ok := c.factories[name]
	if c.factories == nil || !ok && (name == DefaultFinisherName || name == DefaultConnectorName) {
		return Factory(name)
	}
	switch {
	case !ok:
		return nil, errors.New("no factory of that name in WithBlockFactories")
	case f == nil:
		return nil, errors.New("nil factory in WithBlockFactories")
	}
	return f, nil
}
