//go:build unix

package embedded

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is acknowledged is in the store, also where somebody has removed it, or mounted another one in its place.
func TestStoreTakenAway(t *testing.T) {
	for name, takeAway := range map[string]func(store string) error{
		"removed": os.RemoveAll,
		"renamed": func(store string) error { return os.Rename(store, store+".old") },
		"replaced": func(store string) error {
			return errors.Join(os.Rename(store, store+".old"), os.Mkdir(store, 0o700), os.WriteFile(filepath.Join(store, "lock"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "store")
			b := start(t, Conf{Store: store})
			publish := func() {
				js := connect(t, b)
				_, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
				require.NoError(t, err)
				ack, err := js.Publish(t.Context(), "s", nil)
				require.NoError(t, err)
				assert.Equal(t, uint64(1), ack.Sequence)
			}
			publish()
			require.NoError(t, takeAway(store))
			require.NoError(t, b.Revive())
			publish()
			_, err := Start(Conf{Store: store}, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, "in use by another process")
			require.NoError(t, b.Stop())

			b = start(t, Conf{Store: store})
			stream, err := connect(t, b).Stream(t.Context(), "S")
			require.NoError(t, err)
			assert.Equal(t, uint64(1), stream.CachedInfo().State.Msgs)
			require.NoError(t, b.Stop())
		})
	}
}

// Nothing is acknowledged while there is no place to store it.
func TestStoreTakenAwayForGood(t *testing.T) {
	above := filepath.Join(t.TempDir(), "above")
	b := start(t, Conf{Store: filepath.Join(above, "store")})
	js := connect(t, b)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(above))
	require.NoError(t, os.Symlink(filepath.Join(filepath.Dir(above), "unmounted"), above))
	require.ErrorContains(t, b.Revive(), above)
	_, err = js.Publish(t.Context(), "s", nil)
	require.Error(t, err)
	require.NoError(t, os.Remove(above))
	require.NoError(t, b.Revive())
	connect(t, b)
	require.NoError(t, b.Stop())
}
