package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// What a message to the receiving block holds.
const (
	// KeySubject: string, see Record.Subject.
	KeySubject = "subject"
	// KeyData: []byte, the record in JSON.
	KeyData = "data"
)

func init() {
	sputnik.RegisterBlockFactory(Name, func() *sputnik.Block { return NewBlock(slog.Default()) })
}

// NewBlock makes the block "syslog" with a logger of its own.
func NewBlock(log *slog.Logger) *sputnik.Block {
	return sputnik.BlockOf(&receiver{log: log.With("block", Name)}, sputnik.WithBlockFinishTimeout(finishTimeout))
}

// finishTimeout bounds the waiting, at finish, for a receiving block that takes no more.
const finishTimeout = 5 * time.Second

// receiver is the block: the sockets, and what became of the lines.
type receiver struct {
	log   *slog.Logger
	conf  Conf
	loc   *time.Location
	tcp   *tcpServer
	udp   *udpServer
	sink  sputnik.BlockCommunicator
	count counters
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
	tcp, udp, err := listen(conf.Listen)
	if err != nil {
		return err
	}
	if err := udp.SetReadBuffer(conf.UDPBuffer); err != nil {
		r.log.Warn("UDP receive buffer", "error", err)
	}
	r.tcp = newTCPServer(r, tcp)
	r.udp = newUDPServer(r, udp)
	r.log.Info("listening", "tcp", tcp.Addr().String(), "udp", udp.LocalAddr().String())
	return nil
}

// Run serves until ctx ends, then sends on what has arrived by then.
func (r *receiver) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	sink, ok := bc.Communicator(r.conf.To)
	if !ok {
		return fmt.Errorf("no block with the responsibility %q (key \"to\") in the block list", r.conf.To)
	}
	r.sink = sink

	var serving sync.WaitGroup
	serving.Go(r.tcp.serve)
	serving.Go(r.udp.receive)
	serving.Go(r.udp.forward)
	r.reportUntil(ctx.Done())

	serving.Go(r.tcp.drain)
	serving.Go(r.udp.drain)
	serving.Wait()
	r.reportTotals()
	if n := r.count.unsent.Load(); n > 0 {
		return fmt.Errorf("%d lines were received and not accepted by block %q", n, r.conf.To)
	}
	return nil
}

// Finish closes the sockets where Run was never called. Otherwise that is Run's, which is still reading now.
func (r *receiver) Finish(init bool) {
	if !init {
		return
	}
	if err := errors.Join(r.tcp.listener.Close(), r.udp.conn.Close()); err != nil {
		r.log.Warn("closing the sockets", "error", err)
	}
}

// deliver makes a line the receiving block's. false: it takes none any more.
func (r *receiver) deliver(p *parser, frame Frame, peer, transport string, received time.Time) bool {
	record := p.parse(frame.Data, received)
	record.Peer = peer
	record.Transport = transport
	record.Truncated = frame.Truncated
	r.count.of(&record)
	return r.sink.Send(sputnik.Msg{KeySubject: record.Subject(), KeyData: record.Encode()})
}
