// Package journal appends records to a file of limited size.
package journal

import (
	"errors"
	"os"
)

// Limit is the size in bytes beyond which a file is set aside as <path>.1, in place of the one before.
const Limit = 4 << 20

// Append adds text to the file at path, which is made, for its owner only, where there is none.
func Append(path, text string) error {
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
