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
	if !slices.ContainsFunc(c.Info.Config.Subjects, func(s string) bool { return s == conf.wildcard() || s == ">" }) {
		return fmt.Errorf("it takes the subjects %q, not %q", c.Info.Config.Subjects, conf.wildcard())
	}
	if c.Info.Config.Sealed {
		return errors.New("it is sealed")
	}
	if c.Info.Config.Retention != jetstream.LimitsPolicy {
		return fmt.Errorf("its retention is %s, not limits: what is stored in it could not be looked up", c.Info.Config.Retention)
	}
	if c.Info.Config.NoAck {
		return errors.New("it doesn't acknowledge (no_ack)")
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
