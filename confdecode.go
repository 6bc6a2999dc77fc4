package sputnik

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
)

const confTag = "koanf"

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

// confField is a field that configuration can set.
type confField struct {
	key   string
	index []int // as for reflect.Value.FieldByIndex
	typ   reflect.Type
}

// confFields lists the fields of a struct type, those of squashed structs
// included. It refuses what the decoder would panic on, loop over or set at random.
func confFields(t reflect.Type) ([]confField, error) {
	var fields []confField
	for i := range t.NumField() {
		f := t.Field(i)
		key, list, _ := strings.Cut(f.Tag.Get(confTag), ",")
		options := strings.Split(list, ",")
		squash := f.Anonymous && f.Type.Kind() == reflect.Struct || slices.Contains(options, "squash")
		switch {
		case key == "-" || slices.Contains(options, "remain") || !f.IsExported() && !f.Anonymous:
		case squash && (key != "" || f.Type.Kind() != reflect.Struct):
			return nil, fmt.Errorf("field %s of %s: only a struct without a key of its own can be squashed", f.Name, t)
		case squash:
			nested, err := confFields(f.Type)
			if err != nil {
				return nil, err
			}
			for _, n := range nested {
				fields = append(fields, confField{n.key, append([]int{i}, n.index...), n.typ})
			}
		case f.IsExported():
			fields = append(fields, confField{cmp.Or(key, f.Name), f.Index, f.Type})
		}
	}
	for i, f := range fields {
		if indexField(fields, f.key) != i {
			return nil, fmt.Errorf("two fields of %s have the key %q", t, f.key)
		}
	}
	return fields, nil
}

func indexField(fields []confField, key string) int {
	return slices.IndexFunc(fields, func(f confField) bool { return strings.EqualFold(f.key, key) })
}

// confFitter checks a layer against the type of the result, and brings its
// keys to the spelling of the type's fields, so that layers merge key by key.
// Keys of maps are the user's and stay.
type confFitter struct {
	name  string
	layer confLayer
	errs  []error
}

func (f *confFitter) fail(key, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	f.errs = append(f.errs, fault(f.name, f.layer.source, key, fmt.Errorf("%w%s", err, f.layer.hint)))
}

func (f *confFitter) fit(t reflect.Type, data any, at string) any {
	t = pointee(t)
	if err := checkConfValue(t, data); err != nil {
		f.fail(at, "%w", err)
		return nil
	}
	return f.fitKeys(t, data, at)
}

func (f *confFitter) fitKeys(t reflect.Type, data any, at string) any {
	switch data := data.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return f.fitStruct(t, data, at)
		}
		if t.Kind() != reflect.Map {
			return data
		}
		fitted := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			at := fmt.Sprintf("%s[%s]", at, key)
			f.fit(t.Key(), key, at)
			fitted[key] = f.fit(t.Elem(), data[key], at)
		}
		return fitted
	case []any:
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return data
		}
		fitted := []any{}
		for i, item := range data {
			fitted = append(fitted, f.fit(t.Elem(), item, fmt.Sprintf("%s[%d]", at, i)))
		}
		return fitted
	}
	return data
}

func (f *confFitter) fitStruct(t reflect.Type, data map[string]any, at string) any {
	fields, err := confFields(t)
	if err != nil {
		f.fail(at, "%w", err)
		return nil
	}
	if at != "" {
		at += "."
	}
	fitted, spelled := map[string]any{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		i := indexField(fields, key)
		if i < 0 {
			f.fail(at+key, "unknown key%s", suggestKey(key, fields))
			continue
		}
		field := fields[i]
		if other, twice := spelled[field.key]; twice {
			f.fail(at+key, "is the same key as %q", other)
		}
		spelled[field.key] = key
		if data[key] != nil {
			fitted[field.key] = f.fit(field.typ, data[key], at+field.key)
		}
	}
	return fitted
}

// suggestKey knows a key by its differing in one place, by two bytes at most.
func suggestKey(key string, fields []confField) string {
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

// The kinds of values as messages call them.
const (
	kindBool    = "true or false"
	kindInt     = "an integer"
	kindFloat   = "a number"
	kindText    = "text"
	kindList    = "a list"
	kindMapping = "a mapping"
	kindDate    = "a date"
)

func kindName(k reflect.Kind) string {
	switch {
	case k == reflect.Bool:
		return kindBool
	case k >= reflect.Int && k <= reflect.Uint64:
		return kindInt
	case k == reflect.Float32 || k == reflect.Float64:
		return kindFloat
	case k == reflect.String:
		return kindText
	case k == reflect.Slice || k == reflect.Array:
		return kindList
	case k == reflect.Map || k == reflect.Struct:
		return kindMapping
	}
	return ""
}

// checkConfValue refuses what doesn't fit t exactly. The decoder alone would cut
// floats, wrap integers around and take a bare number for nanoseconds.
func checkConfValue(t reflect.Type, data any) error {
	v := reflect.ValueOf(data)
	text, isText := data.(string)
	want, got := kindName(t.Kind()), kindName(v.Kind())
	if v.Kind() == reflect.Struct {
		got = kindDate // the only structs that parsers make
	}
	if isTextType(t) {
		want = kindText
	}
	switch {
	case isDuration(t) && !isText:
		return fmt.Errorf(`want a duration with its unit: write "5s", not %v`, data)
	case isDuration(t):
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf(`want a duration with its unit, as in "5s": %w`, err)
		}
	case isText && isTextType(t):
		unmarshaler, _ := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(t))
		return unmarshaler.UnmarshalText([]byte(text))
	case want == "" || v.IsValid() && v.Type() == t:
	case want == kindText && !slices.Contains([]string{"", kindText, kindList, kindMapping}, got):
		return fmt.Errorf("want text, got %s: write it in quotes", got)
	case want != got && (want != kindFloat || got != kindInt):
		return fmt.Errorf("want %s, got %s", want, cmp.Or(got, "nothing"))
	case t.Kind() == reflect.Array && t.Len() != v.Len():
		return fmt.Errorf("want a list of %d, got %d", t.Len(), v.Len())
	case want == kindInt || got == kindFloat:
		return checkRange(t, fmt.Sprint(data))
	}
	return nil
}

func checkRange(t reflect.Type, number string) (err error) {
	switch zero := reflect.Zero(t); {
	case zero.CanInt():
		_, err = strconv.ParseInt(number, 10, t.Bits())
	case zero.CanUint():
		_, err = strconv.ParseUint(number, 10, t.Bits())
	default:
		_, err = strconv.ParseFloat(number, t.Bits())
	}
	if err != nil {
		return fmt.Errorf("%s is out of range for %s", number, t)
	}
	return nil
}

// decoding sets the decoder up for fitted data and an empty result.
func decoding() koanf.UnmarshalConf {
	return koanf.UnmarshalConf{Tag: confTag, DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
		),
		ErrorUnused:        true,
		Squash:             true,
		DisableUnmarshaler: true,
	}}
}

// assignConf copies to dst what data names out of src. Pointers, maps and
// slices of dst are replaced, not written through: they may be shared.
func assignConf(dst, src reflect.Value, data any) {
	named, isMap := data.(map[string]any)
	switch kind := dst.Kind(); {
	case isMap && kind == reflect.Struct:
		fields, _ := confFields(dst.Type())
		for _, f := range fields {
			if value, ok := named[f.key]; ok {
				assignConf(dst.FieldByIndex(f.index), src.FieldByIndex(f.index), value)
			}
		}
	case isMap && (kind == reflect.Pointer || kind == reflect.Interface) && !dst.IsNil() && dst.Elem().Type() == src.Elem().Type():
		merged := reflect.New(dst.Elem().Type())
		merged.Elem().Set(dst.Elem())
		assignConf(merged.Elem(), src.Elem(), data)
		if kind == reflect.Interface {
			merged = merged.Elem()
		}
		dst.Set(merged)
	case isMap && kind == reflect.Map && !dst.IsNil():
		merged := reflect.MakeMap(dst.Type())
		for key, value := range dst.Seq2() {
			merged.SetMapIndex(key, value)
		}
		for key, value := range src.Seq2() {
			item := reflect.New(dst.Type().Elem()).Elem()
			if old := dst.MapIndex(key); old.IsValid() {
				item.Set(old)
			}
			assignConf(item, value, named[key.String()])
			merged.SetMapIndex(key, item)
		}
		dst.Set(merged)
	default:
		dst.Set(src)
	}
}
