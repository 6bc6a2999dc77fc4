package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is generous: the broker starts in milliseconds, but reads a large store first.
const startTimeout = time.Minute

// Broker is a running server. It is what nats.InProcessServer wants.
type Broker struct {
	log  *slog.Logger
	lock *os.File
	opts *server.Options

	ctx    context.Context // ends with Stop, also a start underway
	cancel context.CancelFunc

	mu     sync.Mutex
	server *server.Server // replaced by restart
}

// Start brings a broker up, for a program that minds it by itself: the caller ends it by Stop. Of conf, only Store is
// needed; a listener beyond the loopback needs a login.
func Start(conf Conf, log *slog.Logger) (*Broker, error) {
	if err := conf.checkReach(); err != nil {
		return nil, err
	}
	log = log.With("broker", "embedded")
	store, err := filepath.Abs(conf.Store)
	if err != nil {
		return nil, err
	}
	opts, err := conf.options(store)
	if err != nil {
		return nil, err
	}
	lock, err := lockStore(store)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", store, err)
	}
	b := &Broker{log: log, lock: lock, opts: opts}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if err := b.start(); err != nil {
		b.cancel()
		return nil, errors.Join(err, lock.Close())
	}
	// The default is three quarters of the space that is free. After a restart on a full disk it would be nothing.
	opts.JetStreamMaxStore = b.server.JetStreamConfig().MaxStore
	log.Info("started", "store", store, "sync_always", opts.SyncAlways)
	if conf.Listen != "" {
		log.Info("listening", "nats", b.ClientURL())
	}
	if len(conf.Leaf) > 0 {
		log.Info("leaf node", "domain", conf.Domain, "of", redacted(conf.Leaf))
	}
	return b, nil
}

func (b *Broker) start() error {
	s, err := server.NewServer(b.opts)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	events := &logger{log: b.log}
	s.SetLoggerV2(events, false, false, false)
	s.Start()
	if err := awaitReady(b.ctx, s, events); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("broker: %w", err)
	}
	b.server = s
	return nil
}

// ClientURL is where other clients reach the broker, if it listens.
func (b *Broker) ClientURL() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server.ClientURL()
}

// InProcessConn connects to the server. It is started anew before if it can't store any more, see Revive.
func (b *Broker) InProcessConn() (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.revive(); err != nil {
		return nil, err
	}
	return b.server.InProcessConn()
}

// Revive starts the server anew if it can't store any more, but the folder can be written to: nats-server keeps a write
// error, such as that of a full disk, for as long as it runs, and switches JetStream off after others. Its connections break
// then. As long as the folder can't be written to, the server goes on for those who read, and the error says why.
//
// Where the folder was removed, or another one stands in its place, the server would write to files that nobody finds
// again, and acknowledge; it is stopped, and started anew in the folder of that name.
func (b *Broker) Revive() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.revive()
}

func (b *Broker) revive() error {
	if err := b.ctx.Err(); err != nil {
		return err // stopped
	}
	if !holds(b.lock, b.opts.StoreDir) {
		return b.settle()
	}
	health := b.server.Healthz(nil).Error
	if b.server.Running() && b.server.JetStreamEnabled() && !strings.Contains(health, "write error") {
		return nil
	}
	if err := writable(b.opts.StoreDir); err != nil {
		return fmt.Errorf("store %s: %w", b.opts.StoreDir, err)
	}
	b.log.Warn("starting anew", "reason", health)
	b.shutdown()
	return b.start()
}

// settle starts the server anew in a folder that isn't the one it was started in.
func (b *Broker) settle() error {
	store := b.opts.StoreDir
	if b.server.Running() {
		b.log.Error("the store was removed, or replaced; starting anew in what is there now", "store", store)
		b.shutdown()
	}
	lock, err := lockStore(store)
	if err != nil {
		return fmt.Errorf("store %s: %w", store, err)
	}
	_ = b.lock.Close() // of a file that is gone
	b.lock = lock
	return b.start()
}

// writable tells whether the folder has room for a message of the usual maximum.
func writable(store string) error {
	const private, room = 0o600, 1 << 20
	file := filepath.Join(store, "probe")
	err := os.WriteFile(file, make([]byte, room), private)
	_ = os.Remove(file)
	return err
}

func awaitReady(ctx context.Context, s *server.Server, events *logger) error {
	const look = 100 * time.Millisecond
	for began := time.Now(); time.Since(began) < startTimeout && ctx.Err() == nil; {
		ready := s.ReadyForConnections(look)
		switch err := events.fatal(); {
		case err != nil:
			return err
		case ready && s.JetStreamEnabled():
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("not ready within %s", startTimeout)
}

// Stop shuts the broker down and returns when everything is on its way to the disk.
func (b *Broker) Stop() error {
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shutdown()
	return b.lock.Close()
}

func (b *Broker) shutdown() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
