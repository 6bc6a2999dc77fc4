package nats

import (
	"errors"
	"io/fs"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// ProducerName is the name under which the producer block is registered, and that of its configuration.
const ProducerName = "nats.producer"

const (
	mailbox       = 1000            // messages that wait ahead of the window; a full mailbox holds up the senders
	lookUpTimeout = 5 * time.Second // for requests to the server
	maxFlush      = 12 * time.Second
	watchdog      = 24 * time.Hour           // OnMsg rightly waits while NATS is away, which the connection's status tells
	finishTimeout = maxFlush + 5*time.Second // of the process's 25 s: the flush begins up to a second late, others need some, too
	maxFutures    = 1 << 30                  // the window is the producer's own
)

// ProducerConf is the configuration of the block "nats.producer".
type ProducerConf struct {
	SubjectTemplate string `koanf:"subject_template" doc:"subject of a message, with fields of it in braces, such as syslog.{facility}.{severity}.{hostname}; empty: the nats subject, a dot, and what the sender says"`
	SubjectMissing  string `koanf:"subject_missing" doc:"token in place of a field that a message doesn't have"`
	DeadLetter      string `koanf:"dead_letter" doc:"subject for messages that the stream refuses for good; empty: they are logged and dropped"`

	MaxPending      int           `koanf:"max_pending" doc:"messages that may be published and not yet acknowledged"`
	MaxPendingBytes int           `koanf:"max_pending_bytes" doc:"the same in bytes of payload"`
	FlushTimeout    time.Duration `koanf:"flush_timeout" doc:"how long, at finish, acknowledgements are waited for, at most 12s"`
}

// DefaultProducerConf is what holds where nothing is configured.
func DefaultProducerConf() ProducerConf {
	return ProducerConf{SubjectMissing: "-", MaxPending: 1000, MaxPendingBytes: 16 << 20, FlushTimeout: 10 * time.Second}
}

// ReadProducerConf reads and checks the configuration; what is absent has its default. Its error joins all faults, each a
// *sputnik.ConfError. What is wrong with the configuration of the stream is left to [ReadConf].
func ReadProducerConf(cf sputnik.ConfFactory) (ProducerConf, error) {
	conf := DefaultProducerConf()
	if err := cf(ProducerName, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	shared := DefaultConf()
	_ = cf(ConfName, &shared) // its subject is all that is needed here
	return conf, conf.check(shared.Subject)
}

// template returns the compiled subject_template; nil where there is none.
func (c ProducerConf) template(subject string) (*template, error) {
	if c.SubjectTemplate == "" {
		return nil, nil
	}
	return compileTemplate(c.SubjectTemplate, subject+".", c.SubjectMissing)
}

func (c ProducerConf) check(subject string) error {
	f := fault.Of(ProducerName)
	_, err := c.template(subject)
	f.Err("subject_template", err)
	f.Unless(validToken(c.SubjectMissing), "subject_missing", "%q is not one token of a subject, of %d bytes at most", c.SubjectMissing, maxToken)
	f.Unless(c.DeadLetter == "" || validSubject(c.DeadLetter), "dead_letter", "%q is not a subject", c.DeadLetter)
	f.Unless(c.MaxPending > 0, "max_pending", "%d is not positive", c.MaxPending)
	f.Unless(c.MaxPendingBytes > 0, "max_pending_bytes", "%d is not positive", c.MaxPendingBytes)
	f.Unless(c.FlushTimeout > 0 && c.FlushTimeout <= maxFlush, "flush_timeout", "%s is not between 0 and %s", c.FlushTimeout, maxFlush)
	return f.Join()
}
