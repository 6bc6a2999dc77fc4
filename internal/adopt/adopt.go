// Package adopt takes from a value those methods that somebody has a use for.
package adopt

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/sputnik-go/sputnik/internal/errs"
)

// Method is one that a value may have.
type Method struct {
	name string
	take func(impl any) bool
}

// As is the only method of the interface T. A value that has it is handed to take.
func As[T any](take func(T)) Method {
	return Method{reflect.TypeFor[T]().Method(0).Name, func(impl any) bool {
		x, ok := impl.(T)
		if ok {
			take(x)
		}
		return ok
	}}
}

// Methods takes from impl the methods it has, and tells of those that have another signature. The
// methods are those of whose.
func Methods(impl any, whose string, methods ...Method) (wrong []error) {
	if errs.IsNil(impl) {
		return []error{errors.New("nil")}
	}
	taken := make(map[string]bool)
	for _, m := range methods {
		taken[m.name] = m.take(impl) || taken[m.name]
	}
	for _, m := range methods {
		if _, has := reflect.TypeOf(impl).MethodByName(m.name); has && !taken[m.name] {
			wrong = append(wrong, fmt.Errorf("method %s of %T has another signature than %s's %[1]s", m.name, impl, whose))
			taken[m.name] = true // is told once
		}
	}
	return wrong
}
