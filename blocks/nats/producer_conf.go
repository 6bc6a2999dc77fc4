package nats

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sputnik-go/sputnik"
)

// ProducerName is the name under which the producer block is registered, and that of its configuration.
const ProducerName = "nats.producer"

const (
	mailbox       = 1000            // messages that wait ahead of the window; a full mailbox holds up the senders
	lookUpTimeout = 5 * time.Second // for requests to the server
	maxFlush      = 12 * time.Second
	finishTimeout = maxFlush + 5*time.Second // of the process's 25 s: the flush begins up to a second late, others need some, too
	maxFutures    = 1 << 30                  // the window is the producer's own
)

// ProducerConf is the configuration of the block "nats.producer".
type ProducerConf struct {
	// MaxPending is how many messages may be published and not yet acknowledged.
	MaxPending int `koanf:"max_pending"`
	// MaxPendingBytes bounds the same in bytes.
	MaxPendingBytes int `koanf:"max_pending_bytes"`
	// FlushTimeout is how long, at finish, outstanding acknowledgements are waited for, at most 12s.
	FlushTimeout time.Duration `koanf:"flush_timeout"`
}

// DefaultProducerConf is what holds where nothing is configured.
func DefaultProducerConf() ProducerConf {
	return ProducerConf{MaxPending: 1000, MaxPendingBytes: 16 << 20, FlushTimeout: 10 * time.Second}
}

// ReadProducerConf reads and checks the configuration; what is absent has its default.
func ReadProducerConf(cf sputnik.ConfFactory) (ProducerConf, error) {
	conf := DefaultProducerConf()
	if err := cf(ProducerName, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c ProducerConf) check() error {
	var errs []error
	bad := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, &sputnik.ConfError{Name: ProducerName, Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	bad(c.MaxPending > 0, "max_pending", "%d is not positive", c.MaxPending)
	bad(c.MaxPendingBytes > 0, "max_pending_bytes", "%d is not positive", c.MaxPendingBytes)
	bad(c.FlushTimeout > 0 && c.FlushTimeout <= maxFlush, "flush_timeout", "%s is not between 0 and %s", c.FlushTimeout, maxFlush)
	return errors.Join(errs...)
}
