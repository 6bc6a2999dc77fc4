package main

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/syslog"
)

// stream is a stream, seen from outside.
type stream struct {
	jetstream.Stream
	nc *nats.Conn
}

func openStream(t *testing.T, url string) stream {
	t.Helper()
	nc, err := nats.Connect(url, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	s, err := js.Stream(t.Context(), "SYSLOG")
	require.NoError(t, err)
	return stream{s, nc}
}

// flow begins to watch what is published; the returned function waits for the next n messages.
func (s stream) flow(t *testing.T) func(n int) {
	t.Helper()
	sub, err := s.nc.SubscribeSync("syslog.>")
	require.NoError(t, err)
	require.NoError(t, sub.SetPendingLimits(-1, -1))
	require.NoError(t, s.nc.Flush())
	return func(n int) {
		t.Helper()
		defer func() { assert.NoError(t, sub.Unsubscribe()) }()
		for range n {
			_, err := sub.NextMsg(patience)
			require.NoError(t, err)
		}
	}
}

// read waits for n messages and returns their records.
func (s stream) read(t *testing.T, n int) []syslog.Record {
	t.Helper()
	records := make([]syslog.Record, 0, n)
	s.each(t, n, func(subject string, data []byte) {
		var r syslog.Record
		require.NoError(t, json.Unmarshal(data, &r))
		assert.Equal(t, "syslog."+r.Subject(), subject)
		records = append(records, r)
	})
	return records
}

// each waits for n messages, in their order.
func (s stream) each(t *testing.T, n int, see func(subject string, data []byte)) {
	t.Helper()
	consumer, err := s.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	for range n {
		msg, err := messages.Next(jetstream.NextMaxWait(patience))
		require.NoError(t, err)
		see(msg.Subject(), msg.Data())
	}
}

// until reads messages until see wants no more, or no more come.
func (s stream) until(t *testing.T, see func(text string) bool) {
	t.Helper()
	consumer, err := s.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	for more := true; more; {
		msg, err := messages.Next(jetstream.NextMaxWait(patience / 4))
		if errors.Is(err, nats.ErrTimeout) {
			return
		}
		require.NoError(t, err)
		var r struct{ Message string }
		require.NoError(t, json.Unmarshal(msg.Data(), &r))
		more = see(r.Message)
	}
}

func (s stream) count(t *testing.T) int {
	t.Helper()
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	return int(info.State.Msgs)
}

func messages(records []syslog.Record) []string {
	all := make([]string, 0, len(records))
	for _, r := range records {
		all = append(all, r.Message)
	}
	return all
}

// assertOnce checks that every text is there, and once.
func assertOnce(t *testing.T, want, got []string) {
	t.Helper()
	seen := make(map[string]int)
	for _, s := range got {
		seen[s]++
	}
	var missing, twice []string
	for _, s := range want {
		switch seen[s] {
		case 0:
			missing = append(missing, s)
		case 1:
		default:
			twice = append(twice, s)
		}
	}
	assert.Empty(t, missing[:min(len(missing), 5)], "%d missing", len(missing))
	assert.Empty(t, twice[:min(len(twice), 5)], "%d twice", len(twice))
	assert.Len(t, got, len(want))
}
