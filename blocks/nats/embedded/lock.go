package embedded

import (
	"errors"
	"io/fs"
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
	f, err := os.OpenFile(lockFile(store), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// holds tells whether a lock is that of the folder that stands there now. In doubt, it is.
func holds(f *os.File, store string) bool {
	held, err := f.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(lockFile(store))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return os.SameFile(held, there)
}

func lockFile(store string) string { return filepath.Join(store, "lock") }
