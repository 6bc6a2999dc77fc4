package httpin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/count"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// What a message to the receiving block holds.
const (
	// KeyData: []byte, the message as it was sent. It is the receiving block's.
	KeyData = "data"
	// KeySubject: string, tokens with dots in between.
	KeySubject = "subject"
	// KeyFields: a value with the method Field(name string) (string, bool), see FieldMethod and others.
	KeyFields = "fields"
	// KeyID: string, only where the request has an Idempotency-Key: that, in a batch with "-" and the index.
	KeyID = "id"
	// KeyDone: func(error), only where storage is waited for: to be called once, with nil when the message is stored.
	KeyDone = "done"
)

// The block itself takes one request: {"command": "counters"} is answered by {"counters": map[string]uint64}, which is
// explained in the README. Any other is answered by {"error": string}.
const (
	KeyCommand      = count.KeyCommand
	CommandCounters = count.Command
	KeyCounters     = count.KeyCounters
	KeyError        = count.KeyError
)

func init() {
	sputnik.RegisterBlockFactory(Name, func() *sputnik.Block { return NewBlock(slog.Default()) })
}

// NewBlock makes the block "http" with a logger of its own.
func NewBlock(log *slog.Logger) *sputnik.Block {
	return sputnik.BlockOf(newReceiver(log), sputnik.WithBlockFinishTimeout(finishTimeout))
}

// finishTimeout bounds, at finish, the requests in progress.
const finishTimeout = 8 * time.Second

// receiver is the block.
type receiver struct {
	log     *slog.Logger
	server  *server
	handler *handler
}

func newReceiver(log *slog.Logger) *receiver { return &receiver{log: log.With("block", Name)} }

// Init opens the socket, so that a port that is taken ends the process before anything runs. Nothing is served before Run.
func (r *receiver) Init(cf sputnik.ConfFactory) error {
	conf, err := ReadConf(cf)
	if err != nil {
		return err
	}
	f := fault.Of(Name)
	tlsConf := conf.tlsConfig(f)
	if err := f.Join(); err != nil { // the files have changed since
		return err
	}
	listener, err := net.Listen("tcp", conf.Listen)
	if err != nil {
		return err
	}
	host, _, _ := access.HostPort(conf.Listen) // is checked
	if len(conf.Token) > 0 && tlsConf == nil && !access.Loopback(host) {
		r.log.Warn("tokens and messages travel unencrypted: set tls_cert and tls_key, unless a proxy in front does TLS")
	}
	r.handler = newHandler(conf)
	r.server = newServer(conf, tlsConf, listener, r.handler, &r.handler.count)
	scheme := "http"
	if tlsConf != nil {
		scheme = "https"
	}
	r.log.Info("listening", "url", scheme+"://"+listener.Addr().String()+conf.Path)
	return nil
}

// Attach keeps the handle on the block itself.
func (r *receiver) Attach(self sputnik.BlockCommunicator) { r.handler.self = self }

// Run serves until ctx ends, and then until the requests in progress are answered.
func (r *receiver) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	defer r.server.listener.Close() //nolint:errcheck // it is closed already, unless there is no sink
	h := r.handler
	if _, ok := bc.Communicator(h.conf.To); !ok || h.conf.To == bc.Descriptor().Responsibility {
		return fmt.Errorf("no other block with the responsibility %q (key \"to\") in the block list", h.conf.To)
	}
	var serving sync.WaitGroup
	serving.Go(func() { h.pump.run(bc, h.conf.To) })
	serving.Go(r.server.serve)
	reporter := newReporter(r.log, &h.count)
	err := reporter.until(ctx.Done(), r.server.served)
	r.server.stop(sputnik.FlushContext(ctx), func() { close(h.pump.hurry) })
	close(h.pump.quit)
	serving.Wait()
	reporter.totals()
	return err
}

// OnMsg answers requests.
func (r *receiver) OnMsg(msg sputnik.Msg) { count.Answer(r.log, msg, r.snapshot) }

// Finish closes the socket where Run was never called. Otherwise that is Run's.
func (r *receiver) Finish(init bool) {
	if !init {
		return
	}
	if err := r.server.listener.Close(); err != nil {
		r.log.Warn("closing the socket", "error", err)
	}
}
