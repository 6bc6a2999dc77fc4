// Package logline makes log records of structs, whose tags and fields say all that is needed.
package logline

import (
	"log/slog"
	"reflect"
	"strings"
	"time"
)

// Keys of attributes.
const (
	Error  = "error"
	Stacks = "stacks" // of many lines
)

// Of makes a record of v, a struct. Level and text are in the tag of an embedded field, as in
//
//	At `log:"warn messages lost"`
//
// unless another field with such a tag isn't zero. Fields that aren't become attributes, but for bools and embedded
// ones. Durations are rounded, "err" is spelt out. A field tagged "brief" gets no stacks: another event has them.
// Other words, if words has any for a field, come in its place, but for numbers and texts that are empty.
func Of(at time.Time, v any, words func(key string, field any) []slog.Attr) slog.Record {
	var level slog.Level
	var text string
	var attrs []slog.Attr
	fields := reflect.ValueOf(v)
	for i := range fields.NumField() {
		f, value := fields.Type().Field(i), fields.Field(i)
		if !f.Anonymous && value.IsZero() {
			continue
		}
		if name, rest, ok := strings.Cut(f.Tag.Get("log"), " "); ok {
			_ = level.UnmarshalText([]byte(name)) // Info, where misspelt
			text = rest
		}
		if f.Anonymous || value.Kind() == reflect.Bool {
			continue
		}
		for _, a := range attributes(f.Name, value.Interface(), words) {
			if a.Key != Stacks || f.Tag.Get("log") != "brief" {
				attrs = append(attrs, a)
			}
		}
	}
	r := slog.NewRecord(at, level, text, 0)
	r.AddAttrs(attrs...)
	return r
}

func attributes(name string, field any, words func(key string, field any) []slog.Attr) (attrs []slog.Attr) {
	key := strings.ToLower(name)
	if key == "err" {
		key = Error
	}
	if d, ok := field.(time.Duration); ok {
		return []slog.Attr{slog.Duration(key, d.Round(time.Microsecond))}
	}
	other := words(key, field)
	if other == nil {
		return []slog.Attr{slog.Any(key, field)}
	}
	for _, a := range other {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.Uint64Value(0)) {
			attrs = append(attrs, a)
		}
	}
	return attrs
}
