package blackbox

import (
	"errors"
	"os"
	"path/filepath"
)

// Limit is the size in bytes beyond which a file is set aside as <path>.1, in place of the one before.
const Limit = 4 << 20

// Placeable tells whether there is, or may be made, a file at path.
func Placeable(path string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if path == "" || err != nil || !folder.IsDir() {
		return false
	}
	file, err := os.Stat(path)
	return err != nil || !file.IsDir()
}

// Append adds text to the file at path, which is made, for its owner only, where there is none. Without a path it
// does nothing.
func Append(path, text string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.Size() > Limit {
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
