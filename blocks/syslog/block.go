package syslog

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/count"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// What a message to the receiving block holds.
const (
	// KeySubject: string, see Record.Subject.
	KeySubject = "subject"
	// KeyData: []byte, the record in JSON.
	KeyData = "data"
	// KeyFields: *Record.
	KeyFields = "fields"
	// KeyDone: func(error), only of lines that came by RELP. The receiving block calls it once, from any goroutine: with
	// nil when it has stored the line, else with why it gives it up. An error with a method Permanent() bool that
	// returns true says that it's of no use to send the line again.
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

// NewBlock makes the block "syslog" with a logger of its own.
func NewBlock(log *slog.Logger) *sputnik.Block {
	return sputnik.BlockOf(newReceiver(log.With("block", Name)), sputnik.WithBlockFinishTimeout(finishTimeout))
}

// finishTimeout bounds the waiting, at finish, for a receiving block that takes no more. Of it, reading may take
// longestDrain and late, so that there is time left to send.
const (
	finishTimeout = 5 * time.Second
	longestDrain  = time.Second
)

// receiver is the block: the sockets, and what became of the lines.
type receiver struct {
	log      *slog.Logger
	conf     Conf
	loc      *time.Location
	pass     *filter
	subjects *subjects
	servers  []server
	crowd    *crowd
	quota    quota
	self     sputnik.BlockCommunicator
	sink     atomic.Pointer[sputnik.BlockCommunicator]
	flush    context.Context // ends when the block's time is up
	count    counters
}

func newReceiver(log *slog.Logger) *receiver {
	return &receiver{log: log, subjects: newSubjects(), crowd: newCrowd(Conf{})}
}

// Init opens the sockets, so that a port that is taken ends the process before anything runs. Nothing is read before Run.
func (r *receiver) Init(cf sputnik.ConfFactory) error {
	conf, err := ReadConf(cf)
	if err != nil {
		return err
	}
	r.conf = conf
	if r.loc, err = time.LoadLocation(conf.Timezone); err != nil {
		return err
	}
	r.pass = newFilter(conf.Facilities, conf.Severity, conf.DropUnparsed)
	r.fitMaxConn()
	r.crowd = newCrowd(r.conf)
	if r.servers, err = r.open(); err != nil {
		return err
	}
	var addresses []any
	for _, s := range r.servers {
		transport, address := s.address()
		addresses = append(addresses, transport, address)
	}
	r.log.Info("listening", addresses...)
	return nil
}

// fitMaxConn leaves files to the rest of the process: without any, an embedded broker can't store.
func (r *receiver) fitMaxConn() {
	const others = 64
	limit, known := openFiles()
	if known && limit < uint64(r.conf.MaxConn)+others {
		fits := max(1, int(limit)-others)
		r.log.Warn("max_conn is lowered to what the limit of open files leaves: raise that (ulimit -Hn, LimitNOFILE=)",
			"max_conn", r.conf.MaxConn, "lowered_to", fits, "open_files", limit)
		r.conf.MaxConn = fits
	}
}

func (r *receiver) open() ([]server, error) {
	all, _ := endpoints(r.conf.Listen) // it is checked
	mode, err := r.conf.socketMode()
	if err != nil {
		return nil, err
	}
	var config *tls.Config
	if r.conf.TLSCert != "" {
		f := fault.Of(Name)
		config = r.conf.tlsConfig(f)
		if err := f.Join(); err != nil {
			return nil, err
		}
		r.warnOfExpiry(config, time.Now())
	}
	o := &opener{r: r, tls: config, mode: mode, all: all}
	err = o.open()
	return o.servers, err
}

// Run serves until ctx ends, then sends on what has arrived by then.
func (r *receiver) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	sink, ok := bc.Communicator(r.conf.To)
	if !ok || r.conf.To == bc.Descriptor().Responsibility {
		r.Finish(true)
		return fmt.Errorf("no other block with the responsibility %q (key \"to\") in the block list", r.conf.To)
	}
	r.self = bc
	r.sendTo(sink)
	r.flush = sputnik.FlushContext(ctx)
	defer context.AfterFunc(r.flush, r.crowd.abort)()

	var serving sync.WaitGroup
	for _, s := range r.servers {
		serving.Go(s.serve)
	}
	r.reportUntil(ctx.Done())

	until := time.Now().Add(r.conf.Drain)
	for _, s := range r.servers {
		s.drain(until)
	}
	r.crowd.drain(until)
	serving.Wait()
	r.reportTotals()
	if n := r.count.unsent.Load(); n > 0 {
		return fmt.Errorf("%d lines were received and not accepted by block %q", n, r.conf.To)
	}
	return nil
}

// OnMsg answers requests.
func (r *receiver) OnMsg(msg sputnik.Msg) { count.Answer(r.log, msg, r.snapshot) }

// Finish closes the sockets where Run was never called. Otherwise that is Run's, which is still reading now.
func (r *receiver) Finish(init bool) {
	if !init {
		return
	}
	for _, s := range r.servers {
		s.close()
	}
}

// outcome is what became of a line.
type outcome int

const (
	sent     outcome = iota
	filtered         // it is not wanted
	refused          // the receiving block takes none any more
)

// deliver makes a line the receiving block's.
func (r *receiver) deliver(p *parser, frame Frame, from *source, received time.Time, done func(error)) outcome {
	record, priority := p.parse(frame.Data, received)
	from.lines.Add(1)
	if priority == noPriority {
		r.count.unparsed.Add(1)
	}
	if frame.Truncated {
		r.count.truncated.Add(1)
	}
	if !r.pass[priority] {
		r.count.filtered.Add(1)
		return filtered
	}
	record.Peer = from.peer
	record.Transport = from.transport
	record.Truncated = frame.Truncated
	msg := sputnik.Msg{KeySubject: r.subjects[priority], KeyData: record.Encode(), KeyFields: record}
	if done != nil {
		msg[KeyDone] = done
	}
	if !r.send(msg) {
		return refused
	}
	return sent
}

// send also finds the block that has been added in the place of one that was removed.
func (r *receiver) send(msg sputnik.Msg) bool {
	if (*r.sink.Load()).Send(msg) {
		return true
	}
	sink, ok := r.self.Communicator(r.conf.To)
	if !ok || !sink.Send(msg) {
		return false
	}
	r.sendTo(sink)
	return true
}

func (r *receiver) sendTo(sink sputnik.BlockCommunicator) { r.sink.Store(&sink) }
