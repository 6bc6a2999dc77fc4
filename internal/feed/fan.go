package feed

import (
	"fmt"
	"slices"
)

// Fan hands items to several readers, each of which may fail. It is not safe for concurrent use.
type Fan[T any] struct {
	Readers []*func(T)
	Guard   func(fn func() error, done func(error)) // runs fn, and hands its outcome to done, however fn ends
	Fault   error                                   // the first
}

// Tell hands an item to each reader in turn, also after one that panics or ends the goroutine.
func (f *Fan[T]) Tell(item T) { f.tell(item, f.Readers) }

func (f *Fan[T]) tell(item T, readers []*func(T)) {
	if len(readers) == 0 {
		return
	}
	defer f.tell(item, readers[1:])
	f.Guard(func() error { (*readers[0])(item); return nil }, func(err error) { f.Blame("observer", err) })
}

// Leave takes a reader away.
func (f *Fan[T]) Leave(reader *func(T)) {
	f.Readers = slices.DeleteFunc(f.Readers, func(r *func(T)) bool { return r == reader })
}

// Blame notes a fault, if it is one, as that of who.
func (f *Fan[T]) Blame(who string, err error) {
	if err != nil && f.Fault == nil {
		f.Fault = fmt.Errorf("%s: %w", who, err)
	}
}
