// Package fault collects what is wrong with the configuration of a block, so that all of it is told at once.
package fault

import (
	"errors"
	"fmt"

	"github.com/sputnik-go/sputnik"
)

// List is the faults of what is configured under one name.
type List struct {
	name string
	errs []error
}

// Of makes an empty list.
func Of(name string) *List { return &List{name: name} }

// Unless notes a fault of a key, unless ok.
func (l *List) Unless(ok bool, key, format string, args ...any) {
	if !ok {
		l.errs = append(l.errs, &sputnik.ConfError{Name: l.name, Key: key, Err: fmt.Errorf(format, args...)})
	}
}

// Within notes a number that is too low or too high.
func (l *List) Within(key string, value, low, top int) {
	l.Unless(value >= low && value <= top, key, "%d is not %d to %d", value, low, top)
}

// Err notes an error, if there is one, as a fault of a key.
func (l *List) Err(key string, err error) { l.Unless(err == nil, key, "%w", err) }

// Join returns all faults, each a *[sputnik.ConfError], as one error; nil if there are none.
func (l *List) Join() error { return errors.Join(l.errs...) }
