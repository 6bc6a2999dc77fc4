package nats

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
)

// What a message to the producer holds.
const (
	// KeySubject: string, published to "<subject of the configuration>.<this>".
	KeySubject = "subject"
	// KeyData: []byte, the payload. The producer owns it from then on.
	KeyData = "data"
)

func init() {
	sputnik.RegisterBlockFactory(ProducerName, func() *sputnik.Block { return NewProducer(slog.Default()) })
}

// NewProducer makes the block "nats.producer" with a logger of its own.
func NewProducer(log *slog.Logger) *sputnik.Block {
	p := &producer{
		log:     log.With("block", ProducerName),
		lines:   make(chan outgoing, handover),
		links:   make(chan *Connection),
		hurry:   make(chan struct{}),
		stopped: make(chan struct{}),
	}
	return sputnik.BlockOf(p, sputnik.WithMailbox(mailbox, sputnik.Wait), sputnik.WithBlockFinishTimeout(finishTimeout))
}

// handover lets OnMsg and the publisher work side by side.
const handover = 128

// producer is the block. Its callbacks only hand over to Run, which owns the window and is the one that publishes.
type producer struct {
	log     *slog.Logger
	conf    ProducerConf
	prefix  string
	lines   chan outgoing
	links   chan *Connection // nil: the connection is gone
	hurry   chan struct{}    // closed by OnMsg: the finish has begun, and the window holds it up
	stopped chan struct{}    // closed by Run
	self    sputnik.BlockCommunicator

	invalid, late sparse // OnMsg's
}

// outgoing is a message on its way to the publisher.
type outgoing struct {
	subject string
	data    []byte
}

// Init reads the configuration.
func (p *producer) Init(cf sputnik.ConfFactory) error {
	shared, err := ReadConf(cf)
	if err != nil {
		return err
	}
	p.prefix = shared.Subject + "."
	p.conf, err = ReadProducerConf(cf)
	return err
}

// Attach keeps the handle on the block itself.
func (p *producer) Attach(self sputnik.BlockCommunicator) { p.self = self }

// OnMsg waits while the window is full, so that the mailbox fills and holds up the senders.
func (p *producer) OnMsg(msg sputnik.Msg) {
	subject, _ := msg[KeySubject].(string) // no string, no valid subject
	data, ok := msg[KeyData].([]byte)
	subject = p.prefix + subject
	if !ok || !validSubject(subject) {
		if p.invalid.next() {
			p.log.Error("message refused: no data, or not a subject", "subject", subject, "refused", p.invalid.count)
		}
		return
	}
	line := outgoing{subject, data}
	select {
	case p.lines <- line:
	default:
		p.wait(line)
	}
}

// wait waits for room in the window. A finish that begins meanwhile would spend its time on emptying the mailbox, were
// the window not told to take everything now.
func (p *producer) wait(line outgoing) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case p.lines <- line:
			return
		case <-p.stopped:
			if p.late.next() {
				p.log.Error("message not published: too late", "subject", line.subject, "not_published", p.late.count)
			}
			return
		case <-look.C:
			if p.finishing() && !closed(p.hurry) {
				close(p.hurry)
			}
		}
	}
}

func (p *producer) finishing() bool {
	status, _ := sputnik.StatusOf(p.self)
	return slices.ContainsFunc(status.Blocks, func(b sputnik.BlockStatus) bool {
		return b.Block == p.self.Descriptor() && b.State == sputnik.StateFinishing
	})
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// OnServerConnect hands the connection to Run.
func (p *producer) OnServerConnect(conn sputnik.ServerConnection) {
	c, ok := conn.(*Connection)
	if !ok {
		p.log.Error("not a connection of this package's connector")
		return
	}
	p.tell(c)
}

// OnServerDisconnect takes it away.
func (p *producer) OnServerDisconnect() { p.tell(nil) }

func (p *producer) tell(c *Connection) {
	select {
	case p.links <- c:
	case <-p.stopped:
	}
}

// Run publishes until ctx ends, and then what was accepted by then.
func (p *producer) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	defer close(p.stopped)
	return newPublisher(p).run(ctx.Done(), p.hurry, sputnik.FlushContext(ctx).Done())
}
