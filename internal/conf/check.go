package conf

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
)

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

// check refuses what doesn't fit t exactly. The decoder alone would cut
// floats, wrap integers around and take a bare number for nanoseconds.
func check(t reflect.Type, data any) error {
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
	case isDuration(t):
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf(`want a duration with its unit: write "5s", not %v`, data)
		}
	case isText && isTextType(t):
		unmarshaler, _ := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(t))
		return unmarshaler.UnmarshalText([]byte(text))
	case !v.IsValid() && want == "" || v.IsValid() && v.Type().AssignableTo(t):
	case want == "":
		return fmt.Errorf("a value of type %s can't be configured", t)
	case want == kindText && !slices.Contains([]string{"", kindText, kindList, kindMapping}, got):
		return fmt.Errorf("want text, got %s: write it in quotes", got)
	case want != got && (want != kindFloat || got != kindInt):
		return fmt.Errorf("want %s, got %s", want, cmp.Or(got, "nothing"))
	case t.Kind() == reflect.Array && t.Len() != v.Len():
		return fmt.Errorf("want a list of %d, got %d", t.Len(), v.Len())
	case want == kindInt || got == kindFloat:
		if _, err := parseNumber(t, fmt.Sprint(data)); err != nil {
			return fmt.Errorf("%v is out of range for %s", data, t)
		}
	}
	return nil
}

// parseNumber reads a number of type t, integers in decimal.
func parseNumber(t reflect.Type, text string) (any, error) {
	switch zero := reflect.Zero(t); {
	case zero.CanInt():
		return strconv.ParseInt(text, 10, t.Bits())
	case zero.CanUint():
		return strconv.ParseUint(text, 10, t.Bits())
	}
	return strconv.ParseFloat(text, t.Bits())
}
