package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/syslog"
)

const (
	reconnect    = time.Second // base of the backoff between attempts to connect
	reconnectCap = 5 * time.Second
	connectLimit = 30 * time.Second // for a plug-in that hangs: it has its own connect_timeout
)

// app is one run of the program.
type app struct {
	opts    options
	environ []string
	stdout  io.Writer
	stderr  io.Writer
	log     *slog.Logger
	extra   []sputnik.SputnikOption // for tests
}

func newApp(opts options, environ []string, stdout, stderr io.Writer) *app {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	return &app{opts: opts, environ: environ, stdout: stdout, stderr: stderr, log: log}
}

// settings is the configuration that is needed before the blocks read theirs.
type settings struct {
	cf     sputnik.ConfFactory
	blocks []sputnik.BlockDescriptor
	nats   nats.Conf
}

func (a *app) run() int {
	set, err := a.configure()
	if err == nil {
		err = a.fly(set)
	}
	if err == nil {
		return exitClean
	}
	code := exitFailure
	if a.isUsage(err) {
		code = exitUsage
	}
	// Not as a log record: it has several lines, and a person reads it.
	_, _ = fmt.Fprintf(a.stderr, "syslog2nats: %v\n", err)
	return code
}

// fly runs the process from the broker's start to its end: the connection has to stand until all blocks have flushed.
func (a *app) fly(set settings) (err error) {
	// Without this, the first write to a closed pipe, as in "syslog2nats -tail | head", ends the process on the spot.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)

	server := new(embeddedBroker)
	connector := nats.NewConnector(a.log, nil)
	if set.nats.Embedded() {
		connector = nats.NewConnector(a.log, server)
	}
	sp, err := sputnik.NewSputnik(append([]sputnik.SputnikOption{
		sputnik.WithConfFactory(set.cf),
		sputnik.WithAppBlocks(set.blocks),
		sputnik.WithBlockFactories(a.factories()),
		sputnik.WithConnector(connector, reconnect),
		sputnik.WithConnectTimeout(connectLimit),
		sputnik.WithBackoffCap(reconnectCap),
		sputnik.WithLogger(a.log),
	}, a.extra...)...)
	if err != nil {
		return err // before anything listens
	}
	if set.nats.Embedded() {
		server.Broker, err = embedded.Start(embedded.Conf{
			Store:      set.nats.Store,
			SyncAlways: set.nats.Sync == nats.SyncAlways,
			Listen:     set.nats.Listen,
		}, a.log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
	}
	launch, _, err := sp.Prepare()
	if err != nil {
		return err
	}
	return launch()
}

// embeddedBroker is there before the broker runs.
type embeddedBroker struct{ *embedded.Broker }

// factories are all that are registered, ours with this program's logger and output.
func (a *app) factories() sputnik.BlockFactories {
	f := sputnik.DefaultFactories()
	f[syslog.Name] = func() *sputnik.Block { return syslog.NewBlock(a.log) }
	f[nats.ProducerName] = func() *sputnik.Block { return nats.NewProducer(a.log) }
	f[nats.TailName] = func() *sputnik.Block { return nats.NewTail(a.log, a.stdout) }
	return f
}
