package nats

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// limitFiles makes writing fail behind the first so many bytes of a file, as on a full disk, until the returned function is
// called.
func limitFiles(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGXFSZ) // its default is the end of the process
	t.Cleanup(func() { signal.Stop(signals) })
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	lift = func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }
	t.Cleanup(lift)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: old.Max}))
	return lift
}

// The disk of the broker in this process is full; when there is room again, everything is stored, once.
func TestFullDiskHoldsUpTheSenders(t *testing.T) {
	const total = 300
	shared := testConf()
	shared.AckTimeout = 500 * time.Millisecond
	f := fly(t, shared, DefaultProducerConf())
	lift := limitFiles(t, 1<<20)
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
