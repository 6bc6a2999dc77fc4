package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// ensureStream makes the stream, or checks the one there is. Others may have made it, so it is not changed.
func (c *Connection) ensureStream(ctx context.Context, conf Conf) error {
	stream, err := c.JetStream.Stream(ctx, conf.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = c.JetStream.CreateStream(ctx, conf.streamConfig())
	}
	if err != nil {
		return err
	}
	c.Stream, c.Info = stream, stream.CachedInfo()
	return conf.checkStream(c.Info)
}

// checkStream tells why the stream there is can't be used.
func (c Conf) checkStream(info *jetstream.StreamInfo) error {
	config := info.Config
	switch {
	case !slices.ContainsFunc(config.Subjects, func(s string) bool { return s == c.wildcard() || s == ">" }):
		return fmt.Errorf("it takes the subjects %q, not %q", config.Subjects, c.wildcard())
	case config.Sealed:
		return errors.New("it is sealed")
	case config.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("its retention is %s, not limits: what is stored in it could not be looked up", config.Retention)
	case config.NoAck:
		return errors.New("it doesn't acknowledge (no_ack)")
	case info.Cluster != nil && info.Cluster.Leader == "": // any server answers for such a stream; none takes a message
		return errors.New("it has no leader: too few servers of its cluster are up")
	}
	return nil
}

func (c Conf) wildcard() string { return c.Subject + ".>" }

func (c Conf) streamConfig() jetstream.StreamConfig {
	unlimited := func(n int64) int64 {
		if n == 0 {
			return -1
		}
		return n
	}
	return jetstream.StreamConfig{
		Name:       c.Stream,
		Subjects:   []string{c.wildcard()},
		Storage:    jetstream.FileStorage,
		Retention:  jetstream.LimitsPolicy,
		Discard:    jetstream.DiscardOld,
		Duplicates: c.Duplicates,
		Replicas:   c.Replicas,
		MaxAge:     c.MaxAge,
		MaxBytes:   unlimited(c.MaxBytes),
	}
}
