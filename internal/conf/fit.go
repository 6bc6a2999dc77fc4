package conf

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fit checks a layer against the type of the result, and brings its keys to
// the spelling of the type's fields, so that layers merge key by key. Keys of
// maps are the user's and stay.
func (l *layer) fit(t reflect.Type) map[string]any {
	fitted, _ := l.within(t, l.data, "").(map[string]any)
	return fitted
}

func (l *layer) value(t reflect.Type, data any, at string) any {
	t = pointee(t)
	var err error
	if v, ok := data.(variable); ok {
		data, err = v.value(t)
	}
	if err == nil {
		err = check(t, data)
	}
	if err != nil {
		l.fail(at, err)
		return nil
	}
	return l.within(t, data, at)
}

// within fits what data contains.
func (l *layer) within(t reflect.Type, data any, at string) any {
	switch data := data.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return l.structure(t, data, at)
		}
		if t.Kind() == reflect.Map {
			return l.entries(t, data, at)
		}
	case map[any]any: // YAML makes it where a key isn't text
		if t.Kind() != reflect.Interface {
			l.fail(at, errors.New("a key is no text: write it in quotes"))
		}
	case []any:
		if t.Kind() == reflect.Interface {
			break
		}
		fitted := []any{}
		for i, item := range data {
			fitted = append(fitted, l.value(t.Elem(), item, fmt.Sprintf("%s[%d]", at, i)))
		}
		return fitted
	}
	return data
}

func (l *layer) entries(t reflect.Type, data map[string]any, at string) any {
	fitted := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		at := fmt.Sprintf("%s[%s]", at, key)
		l.value(t.Key(), key, at)
		fitted[key] = l.value(t.Elem(), data[key], at)
	}
	return fitted
}

func (l *layer) structure(t reflect.Type, data map[string]any, at string) any {
	fields, err := fieldsOf(t)
	if err != nil {
		l.fail(at, err)
		return nil
	}
	if at != "" {
		at += "."
	}
	fitted, spelled := map[string]any{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		i := indexOf(fields, key)
		if i < 0 {
			l.fail(at+key, fmt.Errorf("unknown key%s", suggest(key, fields)))
			continue
		}
		field := fields[i]
		if other, twice := spelled[field.key]; twice {
			l.fail(at+key, fmt.Errorf("is the same key as %q", other))
		}
		spelled[field.key] = key
		if data[key] != nil {
			fitted[field.key] = l.value(field.typ, data[key], at+field.key)
		}
	}
	return fitted
}

// suggest knows a key by its differing in one place, by two bytes at most.
func suggest(key string, fields []field) string {
	for _, field := range fields {
		a, b := strings.ToLower(key), strings.ToLower(field.key)
		for a != "" && b != "" && a[0] == b[0] {
			a, b = a[1:], b[1:]
		}
		for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
			a, b = a[:len(a)-1], b[:len(b)-1]
		}
		if most := max(len(a), len(b)); most <= 2 && most < len(key) {
			return fmt.Sprintf(", did you mean %q?", field.key)
		}
	}
	return ""
}
