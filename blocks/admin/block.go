package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik"
)

func init() {
	sputnik.RegisterBlockFactory(Name, func() *sputnik.Block { return NewBlock(slog.Default(), Options{}) })
}

// Options are what a program hands to the block beside its configuration. All are optional: what is absent is answered
// with status 501, and why.
type Options struct {
	// Level is that of the program's logger; /loglevel shows and sets it.
	Level *slog.LevelVar
	// Reload has the configuration read again, on POST /reload. An error, which is told to whoever asked, says that the
	// process goes on as it was. It is called by one request at a time, and ctx ends after 30 s and when the block
	// finishes: a Reload that ends this process to begin the next one must return without waiting for that.
	Reload func(ctx context.Context) error
	// Last says that no process is to follow this one: POST /stop calls it before it stops the process, and also while the
	// process ends for a reload. It must not block, and may be called again. Nil: Reload begins no other process; if it
	// does, a stop during a reload is refused, or overtaken by it.
	Last func()
}

// NewBlock makes the block "admin" with a logger of its own.
func NewBlock(log *slog.Logger, opts Options) *sputnik.Block {
	return sputnik.BlockOf(newAdmin(log, opts), sputnik.WithBlockFinishTimeout(finishTimeout))
}

const (
	finishTimeout = 5 * time.Second // for requests that are being answered, streams excepted: those end at once
	graceful      = 2 * time.Second // of it, until their connections are closed; HTTP/2 may take one
)

// admin is the block.
type admin struct {
	log   *slog.Logger
	opts  Options
	conf  Conf
	self  sputnik.BlockCommunicator
	life  context.Context // Run's
	begun time.Time       // Init

	listener net.Listener
	server   *http.Server
	conns    *conns
	answers  sync.WaitGroup // handlers that have not returned
	gate     *gate
	journal  *journal
	link     linkLog
	deaf     func() // ends the listening to events
	streams  atomic.Int64
	asked    []*source // of counters
	metrics  *metrics
	page     *page
	reload   sync.Mutex // held while Options.Reload runs
}

func newAdmin(log *slog.Logger, opts Options) *admin {
	return &admin{log: log.With("block", Name), opts: opts, deaf: func() {}}
}

// Init opens the socket, so that a port that is taken ends the process before anything runs. Nothing is served before Run.
func (a *admin) Init(cf sputnik.ConfFactory) error {
	conf, err := ReadConf(cf)
	if err != nil {
		return err
	}
	tlsConf, _, err := conf.tls()
	if err != nil {
		return err
	}
	a.listener, err = net.Listen("tcp", conf.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	a.conf, a.begun = conf, time.Now()
	a.journal = newJournal(conf.Events, a.begun)
	a.metrics = newMetrics(a)
	a.gate = newGate(conf, a.listener.Addr(), a.log, a.metrics.refused)
	a.page = newPage()
	if !a.gate.local && !conf.guarded() { // localhost may stand for another address
		return errors.Join(&sputnik.ConfError{
			Name: Name, Key: "listen",
			Err: fmt.Errorf("%s is %s, which can be reached from other machines", conf.Listen, a.listener.Addr()),
		}, a.listener.Close())
	}
	a.conns = newConns(conf.MaxConn)
	a.server = a.newServer(tlsConf)
	return nil
}

// Attach begins to listen to events, before any Run.
func (a *admin) Attach(self sputnik.BlockCommunicator) {
	a.self = self
	a.deaf, _ = sputnik.Observe(self, a.note) // none by a mock
	for _, resp := range a.conf.Counters {
		if _, ok := self.Communicator(resp); !ok {
			a.log.Warn("counters: there is no such block", "responsibility", resp)
		}
		a.asked = append(a.asked, newSource(self, resp))
	}
}

// note takes an event. It is called by one goroutine at a time.
func (a *admin) note(e sputnik.Event) {
	entry := entryOf(e)
	a.metrics.events.WithLabelValues(entry.Level).Inc()
	a.link.note(e, entry)
	a.journal.add(entry)
}

// Run serves until ctx ends. Streams end with it, other requests have a moment.
func (a *admin) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	defer a.deaf()
	a.life = ctx
	a.server.BaseContext = func(net.Listener) context.Context { return ctx }
	a.server.Handler = a.handler()
	a.tellWhere()

	served := make(chan error, 1)
	go func() { served <- a.serve() }()
	select {
	case err := <-served:
		return errors.Join(err, a.close(ctx)) // nobody else ends it
	case <-ctx.Done():
	}
	err := a.close(sputnik.FlushContext(ctx))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

func (a *admin) serve() error {
	if a.server.TLSConfig != nil {
		return a.server.ServeTLS(a.listener, "", "")
	}
	return a.server.Serve(a.listener)
}

// close ends all connections and waits for what was asked meanwhile.
func (a *admin) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, graceful)
	defer cancel()
	a.conns.shut()
	err := a.server.Shutdown(ctx)
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) { // by the time, or the finish was cut short
		a.log.Warn("requests cut short by the finish")
		err = a.server.Close()
	}
	a.answers.Wait()
	for _, s := range a.asked {
		s.asks.Wait()
	}
	return err
}

// Finish closes the socket where Run was never called.
func (a *admin) Finish(init bool) {
	if !init {
		return
	}
	a.deaf()
	if err := a.listener.Close(); err != nil {
		a.log.Warn("closing the socket", "error", err)
	}
}

// tellWhere logs the address, and what is risky about it.
func (a *admin) tellWhere() {
	scheme := "http"
	if a.server.TLSConfig != nil {
		scheme = "https"
	}
	a.log.Info("listening", "url", scheme+"://"+a.listener.Addr().String()+"/")
	if !a.gate.local && scheme == "http" {
		a.log.Warn("the token travels in clear text: give tls_cert and tls_key, or put a proxy with TLS in front")
	}
}
