package sputniktest

import (
	"fmt"
	"reflect"

	"github.com/sputnik-go/sputnik"
)

// Events returns the events of type E so far, in order; those of [sputnik.Event] are all. After Wait the list is
// complete.
func Events[E sputnik.Event](f *Flight) []E {
	var found []E
	for _, e := range f.p.events.all() {
		if x, ok := e.(E); ok {
			found = append(found, x)
		}
	}
	return found
}

// Await waits for an event of type E that passes every match, and returns the first one; one of the past counts. The
// end of the process without it, or of the flight's limit, ends the test.
//
//	sputniktest.Await(f, func(e sputnik.BlockFailed) bool { return e.Block.Responsibility == "uplink" })
func Await[E sputnik.Event](f *Flight, match ...func(E) bool) E {
	f.tb.Helper()
	e := f.await(reflect.TypeFor[E]().String(), func(e sputnik.Event) (bool, error) {
		if x, ok := e.(E); ok && passes(x, match) {
			return true, nil
		}
		if end, ok := e.(sputnik.ProcessFinished); ok {
			return true, &endedError{end}
		}
		return false, nil
	})
	x, _ := e.(E)
	return x
}

func passes[E any](e E, match []func(E) bool) bool {
	for _, m := range match {
		if !m(e) {
			return false
		}
	}
	return true
}

// endedError says that nothing more will come.
type endedError struct{ end sputnik.ProcessFinished }

func (e *endedError) Error() string {
	return fmt.Sprintf("the process has ended (cause: %v, error: %v)", e.end.Cause, e.end.Err)
}
