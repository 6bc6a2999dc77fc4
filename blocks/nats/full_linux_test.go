package nats

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/internal/testkit"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// The disk of the broker in this process is full; when there is room again, everything is stored, once.
func TestFullDiskHoldsUpTheSenders(t *testing.T) {
	const total = 300
	shared := testConf()
	shared.AckTimeout = 500 * time.Millisecond
	f := fly(t, shared, DefaultProducerConf())
	lift := testkit.LimitFiles(t, 1<<20)
	var done outcomes
	for _, name := range numbered(0, total) {
		data := append([]byte(name+" "), make([]byte, 20<<10)...)
		require.True(t, f.producer.Send(sputnik.Msg{KeySubject: "x", KeyData: data, KeyDone: done.of(name)}))
	}
	sputniktest.Await[sputnik.ConnectionLost](f.Flight, nth[sputnik.ConnectionLost](2))
	assert.Less(t, f.counters(t)["acknowledged"], uint64(total))
	lift()
	for name, err := range done.wait(t) {
		require.NoError(t, err, name)
	}
	_, conn := connect(t, f.broker, shared)
	seen := make(map[string]bool)
	for _, text := range stored(t, conn) {
		require.False(t, seen[text[:4]], "twice: %s", text[:4])
		seen[text[:4]] = true
	}
	assert.Len(t, seen, total)
	require.NoError(t, f.Stop())
}
