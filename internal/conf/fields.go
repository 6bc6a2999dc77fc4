package conf

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

const tag = "koanf"

// field is a struct's field that configuration can set.
type field struct {
	key   string
	index []int // as for reflect.Value.FieldByIndex
	typ   reflect.Type
}

// fieldsOf lists the fields of a struct type, those of squashed structs
// included. It refuses what the decoder would panic on, loop over or set at random.
func fieldsOf(t reflect.Type) ([]field, error) {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, list, _ := strings.Cut(f.Tag.Get(tag), ",")
		options := strings.Split(list, ",")
		squash := f.Anonymous && f.Type.Kind() == reflect.Struct || slices.Contains(options, "squash")
		switch {
		case key == "-" || slices.Contains(options, "remain") || !f.IsExported() && !f.Anonymous:
		case squash && (key != "" || f.Type.Kind() != reflect.Struct):
			return nil, fmt.Errorf("field %s of %s: only a struct without a key of its own can be squashed", f.Name, t)
		case squash:
			nested, err := fieldsOf(f.Type)
			if err != nil {
				return nil, err
			}
			for _, n := range nested {
				fields = append(fields, field{n.key, append([]int{i}, n.index...), n.typ})
			}
		case f.IsExported():
			fields = append(fields, field{cmp.Or(key, f.Name), f.Index, f.Type})
		}
	}
	for i, f := range fields {
		if indexOf(fields, f.key) != i {
			return nil, fmt.Errorf("two fields of %s have the key %q", t, f.key)
		}
	}
	return fields, nil
}

func indexOf(fields []field, key string) int {
	return slices.IndexFunc(fields, func(f field) bool { return strings.EqualFold(f.key, key) })
}

func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

func isTextType(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func pointee(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
