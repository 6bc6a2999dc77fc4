package cli

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// field is a key of a configuration.
type field struct {
	key, doc string
	value    reflect.Value
}

// fieldsOf are the keys of a struct, in its order.
func fieldsOf(conf reflect.Value) (all []field) {
	for f, v := range conf.Fields() {
		key, option, _ := strings.Cut(f.Tag.Get("koanf"), ",")
		switch {
		case !f.IsExported(), key == "-":
		case option == "squash", f.Anonymous && key == "":
			all = append(all, fieldsOf(v)...)
		case key == "":
			all = append(all, field{f.Name, f.Tag.Get("doc"), v})
		default:
			all = append(all, field{key, f.Tag.Get("doc"), v})
		}
	}
	return all
}

// read returns the struct with what cf says laid over the defaults. Nothing is checked.
func (s Section) read(cf sputnik.ConfFactory) (reflect.Value, error) {
	conf := reflect.New(reflect.TypeOf(s.Default))
	conf.Elem().Set(reflect.ValueOf(s.Default))
	if err := cf(s.Name, conf.Interface()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf.Elem(), err
	}
	return conf.Elem(), nil
}

// isSection tells a struct with keys of its own from one that is written as a value.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(textMarshaler) && !reflect.PointerTo(t).Implements(textMarshaler)
}

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]() //nolint:gochecknoglobals // a constant
	duration      = reflect.TypeFor[time.Duration]()          //nolint:gochecknoglobals // a constant
)

// typeName is how a type is called in a table for people; "" for what a variable can't say.
func typeName(t reflect.Type) string {
	switch {
	case t == duration:
		return "duration"
	case t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textMarshaler):
		return "text"
	}
	switch t.Kind() { //nolint:exhaustive // the others have no name
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true, false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		if of := typeName(t.Elem()); of != "" && !strings.HasPrefix(of, "list") {
			return "list of " + of
		}
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	return ""
}

// written is how a value stands in a configuration, or a variable.
func written(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return shortDuration(d)
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		if text, err := m.MarshalText(); err == nil {
			return string(text)
		}
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
		var all []string
		for i := range v.Len() {
			all = append(all, written(v.Index(i)))
		}
		return strings.Join(all, ",")
	}
	return fmt.Sprint(v.Interface())
}

// shortDuration is d without the units that are 0: 5m, not 5m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
