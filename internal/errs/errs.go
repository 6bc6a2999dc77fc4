// Package errs looks into errors.
package errs

import (
	"reflect"
	"slices"
)

// IsOnly tells whether err is, or wraps, one of the expected errors, and nothing else beside it.
func IsOnly(err error, expected ...error) bool {
	if slices.Contains(expected, err) {
		return true
	}
	switch w := err.(type) { //nolint:errorlint // this is the unwrapping
	case interface{ Unwrap() []error }:
		all := w.Unwrap()
		return len(all) > 0 && !slices.ContainsFunc(all, func(e error) bool { return !IsOnly(e, expected...) })
	case interface{ Unwrap() error }:
		return IsOnly(w.Unwrap(), expected...)
	}
	return false
}

// IsNil tells whether v is nil, or a nil pointer in an interface.
func IsNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}
