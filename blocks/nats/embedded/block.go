package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

func init() {
	sputnik.RegisterBlockFactory(Name, func() *sputnik.Block { return NewBlock(slog.Default()) })
}

// NewBlock makes the block "nats.embedded" for a process whose connector reaches the broker by its listener. Where it is to
// be reached without one, use [New].
func NewBlock(log *slog.Logger) *sputnik.Block { return New(log).NewBlock() }

// Server joins the block and the connector of one process: the block starts the broker, and the connector finds it by
// InProcessConn. It is what nats.InProcessServer wants.
type Server struct {
	log *slog.Logger

	mu     sync.Mutex
	broker *Broker       // nil: not started, or stopped
	parted chan struct{} // closed when the broker of the connections that are open is stopped for good
}

// New makes a Server; there is nothing to release until its block is initialised.
func New(log *slog.Logger) *Server { return &Server{log: log} }

// NewBlock makes the block "nats.embedded", which starts the broker in Init and stops it in Finish. One process has one
// of them.
func (s *Server) NewBlock() *sputnik.Block { return sputnik.BlockOf(&block{server: s}) }

var errNotRunning = errors.New("the broker in this process doesn't run: is the block " + Name + " listed?")

// InProcessConn connects to the broker, from Init to Finish of the block. A connection that is open when the block finishes
// falls silent and stays open, until the client closes it: the connector's time to do so comes later.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	broker, parted := s.broker, s.parted
	s.mu.Unlock()
	if broker == nil {
		return nil, errNotRunning
	}
	conn, err := broker.InProcessConn() // may take long, and is ended by stop
	if err != nil {
		return nil, err
	}
	return &lasting{Conn: conn, parted: parted, closed: make(chan struct{})}, nil
}

// start and stop are called by one block at a time.
func (s *Server) start(conf Conf) error {
	if s.running() != nil {
		return errors.New("there is a broker in this process already: list " + Name + " once")
	}
	broker, err := Start(conf, s.log)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broker, s.parted = broker, make(chan struct{})
	return nil
}

// running is the broker, nil for none.
func (s *Server) running() *Broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broker
}

func (s *Server) stop() error {
	s.mu.Lock()
	broker := s.broker
	s.broker = nil
	if broker != nil {
		close(s.parted)
	}
	s.mu.Unlock()
	if broker == nil {
		return nil
	}
	return broker.Stop()
}

func (s *Server) lookAfter() {
	broker := s.running()
	if broker == nil {
		return
	}
	if err := broker.Revive(); err != nil && !errors.Is(err, context.Canceled) {
		s.log.Error("broker not started anew", "block", Name, "error", err)
	}
}

// block is the broker's life.
type block struct{ server *Server }

// Init starts the broker, ahead of the connector's first attempt to connect.
func (b *block) Init(cf sputnik.ConfFactory) error {
	conf, err := ReadConf(cf)
	if err != nil {
		return err
	}
	return b.server.start(conf)
}

// lookEvery is how often the block looks whether the broker can write: clients of the listener can't make it.
const lookEvery = 3 * time.Second

// Run refuses a list of blocks whose finish would lose messages, and looks after the broker.
func (b *block) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	status, _ := sputnik.StatusOf(bc)
	for _, other := range status.Blocks {
		if other.Block == bc.Descriptor() {
			break
		}
		if strings.HasPrefix(other.Block.Name, "nats.") {
			return fmt.Errorf("block %s is listed before %s: list %s first, so that it finishes last, when the others have stored everything",
				other.Block, Name, Name)
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			b.server.lookAfter()
		}
	}
}

// Finish stops the broker, when all blocks behind it in the list have finished.
func (b *block) Finish(bool) {
	if err := b.server.stop(); err != nil {
		b.server.log.Error("broker not stopped in order", "block", Name, "error", err)
	}
}
