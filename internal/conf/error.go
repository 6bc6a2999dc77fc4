package conf

import (
	"errors"
	"fmt"
	"io/fs"
)

// Error has the fields of the root package's ConfError.
type Error struct {
	Name   string
	Source string
	Key    string
	Err    error
}

// Error says where the error is, from the outside in, then what it is.
func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Key != "" {
		text = fmt.Sprintf("key %q: %s", e.Key, text)
	}
	if e.Name != "" {
		text = fmt.Sprintf("block %q: %s", e.Name, text)
	}
	if e.Source != "" {
		text = e.Source + ": " + text
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// present returns errs for something that is there and wrong. A cause that is
// itself a missing file (a dangling link, a secret) must not pass for "nothing
// configured": it keeps its words only.
func present(errs []*Error) []*Error {
	for _, e := range errs {
		if errors.Is(e.Err, fs.ErrNotExist) {
			e.Err = errors.New(e.Err.Error())
		}
	}
	return errs
}
