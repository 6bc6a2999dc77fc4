package embedded

import (
	"os"
	"path/filepath"
)

// lockStore makes the folder and takes it for this process: two servers on one store destroy it. The file it creates
// shows, too, that the folder can be written to.
func lockStore(store string) (*os.File, error) {
	const private = 0o700
	if err := os.MkdirAll(store, private); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(store, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
