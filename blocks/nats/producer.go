package nats

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/count"
)

func init() {
	sputnik.RegisterBlockFactory(ProducerName, func() *sputnik.Block { return NewProducer(slog.Default()) })
}

// NewProducer makes the block "nats.producer" with a logger of its own.
func NewProducer(log *slog.Logger) *sputnik.Block {
	p := &producer{
		log:   log.With("block", ProducerName),
		links: make(chan *Connection),
		hurry: make(chan struct{}),
	}
	return sputnik.BlockOf(p, sputnik.WithMailbox(mailbox, sputnik.Wait), sputnik.WithBlockFinishTimeout(finishTimeout),
		sputnik.WithBlockWatchdog(watchdog))
}

// producer is the block: it takes messages apart, publishes what there is room for, and leaves the rest to Run.
type producer struct {
	log      *slog.Logger
	prefix   string
	template *template        // nil: none is configured
	links    chan *Connection // nil: the connection is gone
	hurry    chan struct{}    // closed by OnMsg: the finish has begun, and the window holds it up
	self     sputnik.BlockCommunicator

	publisher *publisher // made by Init
}

// Init reads the configuration.
func (p *producer) Init(cf sputnik.ConfFactory) error {
	shared, err := ReadConf(cf)
	conf, own := ReadProducerConf(cf)
	if err := errors.Join(err, own); err != nil {
		return err
	}
	p.prefix = shared.Subject + "."
	p.publisher = newPublisher(p.log, conf, shared)
	p.template, err = conf.template(shared.Subject)
	return err
}

// Attach keeps the handle on the block itself.
func (p *producer) Attach(self sputnik.BlockCommunicator) { p.self = self }

// OnMsg publishes the message. It waits while the window is full, so that the mailbox fills and holds up the senders.
func (p *producer) OnMsg(msg sputnik.Msg) {
	if _, ok := msg[KeyCommand]; ok {
		count.Answer(p.log, msg, p.publisher.counters)
		return
	}
	out, err := p.read(msg)
	if err != nil {
		p.publisher.invalid(out, err)
		return
	}
	if !p.publisher.offer(out) {
		p.wait(out)
	}
}

// wait waits for room in the window. A finish that begins meanwhile would spend its time on emptying the mailbox, and the
// senders theirs on waiting for room in it, were the window not told to take everything now.
func (p *producer) wait(out outgoing) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for !p.publisher.offer(out) {
		select {
		case <-p.publisher.room:
		case <-look.C:
			if p.finishing() && !closed(p.hurry) {
				close(p.hurry)
			}
		}
	}
}

// finishing tells whether the process comes to its end, or this block alone.
func (p *producer) finishing() bool {
	status, _ := sputnik.StatusOf(p.self)
	return status.Cause != nil || slices.ContainsFunc(status.Blocks, func(b sputnik.BlockStatus) bool {
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
	case <-p.publisher.stopped:
	}
}

// Run minds what is published until ctx ends, and then flushes what was accepted by then.
func (p *producer) Run(ctx context.Context, _ sputnik.BlockCommunicator) error {
	return p.publisher.run(sputnik.FlushContext(ctx), p.links, ctx.Done(), p.hurry)
}
