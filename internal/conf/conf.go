// Package conf reads the configuration of one name from several layers into a
// Go value, strictly: what doesn't fit the value is an error that says where
// it stands. The documentation for users is at the root package's ConfSources
// and NewConfFactory.
package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// ErrName is the cause for names that can't have a configuration.
var ErrName = errors.New("no name for a configuration: empty, begins with a dot, or contains a path separator")

// Reader reads configurations. It may be used concurrently.
type Reader struct{ sources []source }

// source is a place that says something about some names.
type source interface {
	// check finds what is wrong whichever name is asked for.
	check() []*Error
	// layers is empty if the source says nothing about name. It may depend on
	// the type of the result.
	layers(name string, t reflect.Type) []*layer
	// describe says where a configuration of name would be.
	describe(name string) string
}

// New returns a reader, or what is wrong whichever name is asked for.
// Sources that are nil or "" are left out.
func New(defaults fs.FS, path string, environ []string, prefix string) (*Reader, []*Error) {
	r := &Reader{}
	if defaults != nil {
		r.sources = append(r.sources, folder{defaults, "Defaults"})
	}
	if path != "" {
		at, err := sourceAt(path)
		if err != nil {
			return nil, []*Error{{Source: path, Err: err}}
		}
		r.sources = append(r.sources, at)
	}
	if environ != nil {
		r.sources = append(r.sources, newEnvironment(environ, prefix))
	}
	var errs []*Error
	for _, s := range r.sources {
		errs = append(errs, s.check()...)
	}
	return r, present(errs)
}

// Read fills result, a non-nil pointer to a struct or a map, or returns errors
// and leaves it alone.
func (r *Reader) Read(name string, result any) []*Error {
	errs := r.read(name, result)
	for _, e := range errs {
		e.Name = name
	}
	return errs
}

func (r *Reader) read(name string, result any) []*Error {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\\x00") {
		return []*Error{{Err: ErrName}}
	}
	pointer := reflect.ValueOf(result)
	target := reflect.Indirect(pointer)
	if pointer.Kind() != reflect.Pointer || target.Kind() != reflect.Struct && target.Kind() != reflect.Map {
		return []*Error{{Err: fmt.Errorf("the result must be a non-nil pointer to a struct or map, not %T", result)}}
	}
	var layers []*layer
	for _, s := range r.sources {
		layers = append(layers, s.layers(name, target.Type())...)
	}
	if len(layers) == 0 {
		return []*Error{{Err: r.absent(name)}}
	}
	// Keys that hold the delimiter stay whole, as only the root is unmarshalled.
	merged := koanf.New(".")
	var errs []*Error
	for _, l := range layers {
		// Each layer is checked on its own: an error then has its place, also
		// where a later layer would hide it.
		data := l.fit(target.Type())
		if err := merged.Load(confmap.Provider(data, ""), nil); err != nil {
			l.fail("", err)
		}
		errs = append(errs, l.errs...)
	}
	if len(errs) > 0 {
		return present(errs)
	}
	if err := decode(merged, target); err != nil {
		return present([]*Error{{Err: err}})
	}
	return nil
}

func (r *Reader) absent(name string) error {
	var looked []string
	for _, s := range r.sources {
		looked = append(looked, s.describe(name))
	}
	if len(looked) == 0 {
		return fmt.Errorf("nothing configured, there are no sources: %w", fs.ErrNotExist)
	}
	return fmt.Errorf("nothing configured, looked in: %s: %w", strings.Join(looked, ", "), fs.ErrNotExist)
}
