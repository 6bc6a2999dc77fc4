// Package broker runs a NATS server with JetStream inside the process. It is a package of its own because it makes a
// program 11 MB larger.
package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Conf says how the broker keeps its messages and who can reach it.
type Conf struct {
	// Store is the folder of the streams. One process at a time can use it.
	Store string
	// SyncAlways writes through to the disk before each acknowledgement, instead of every two minutes.
	SyncAlways bool
	// Listen is the address for other clients; empty: only this process can connect.
	Listen string
}

// startTimeout is generous: the broker starts in milliseconds, but reads a large store first.
const startTimeout = time.Minute

// Broker is a running server. It is what nats.InProcessServer wants.
type Broker struct {
	*server.Server
	lock *os.File
}

// Start brings a broker up. The caller ends it by Stop.
func Start(conf Conf, log *slog.Logger) (*Broker, error) {
	log = log.With("broker", "embedded")
	store, err := filepath.Abs(conf.Store)
	if err != nil {
		return nil, err
	}
	lock, err := lockStore(store)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", store, err)
	}
	b := &Broker{lock: lock}
	if err := b.start(conf, store, log); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	log.Info("started", "store", store, "sync_always", conf.SyncAlways)
	if conf.Listen != "" {
		log.Info("listening", "nats", b.ClientURL())
	}
	return b, nil
}

func (b *Broker) start(conf Conf, store string, log *slog.Logger) error {
	opts := &server.Options{
		ServerName: "syslog2nats",
		DontListen: true,
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   store,
		SyncAlways: conf.SyncAlways,
	}
	if conf.Listen != "" {
		host, port, err := hostPort(conf.Listen)
		if err != nil {
			return fmt.Errorf("listen %s: %w", conf.Listen, err)
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	events := &logger{log: log}
	s.SetLoggerV2(events, false, false, false)
	s.Start()
	if err := awaitReady(s, events); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("broker: %w", err)
	}
	b.Server = s
	return nil
}

func awaitReady(s *server.Server, events *logger) error {
	const look = 100 * time.Millisecond
	for began := time.Now(); time.Since(began) < startTimeout; {
		ready := s.ReadyForConnections(look)
		switch err := events.fatal(); {
		case err != nil:
			return err
		case ready && s.JetStreamEnabled():
			return nil
		}
	}
	return fmt.Errorf("not ready within %s", startTimeout)
}

// Stop shuts the broker down and returns when everything is on its way to the disk.
func (b *Broker) Stop() error {
	b.Shutdown()
	b.WaitForShutdown()
	return b.lock.Close()
}

// hostPort takes an address apart; port 0 is the server's -1: any.
func hostPort(address string) (string, int, error) {
	host, name, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	if name == "0" {
		return host, server.RANDOM_PORT, nil
	}
	port, err := strconv.ParseUint(name, 10, 16)
	return host, int(port), err
}
