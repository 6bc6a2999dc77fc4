package conf

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// variable is the text of an environment variable, or one item of it. What it
// says depends on the field it is for.
type variable string

// value returns what a file would hold for t. Its errors don't repeat the
// text, which may be a secret.
func (v variable) value(t reflect.Type) (value any, err error) {
	kind := kindName(t.Kind())
	switch {
	case isDuration(t) || isTextType(t) || kind == kindText || t.Kind() == reflect.Interface:
		return string(v), nil
	case kind == kindList && isScalar(pointee(t.Elem())):
		return v.items(), nil
	case !isScalar(t):
		return nil, fmt.Errorf("a value of type %s can't be given by a variable, only by a file", t)
	case kind == kindBool:
		value, err = strconv.ParseBool(string(v))
	default:
		value, err = parseNumber(t, string(v))
	}
	if errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("out of range for %s", t)
	}
	if err != nil {
		return nil, fmt.Errorf("want %s", kind)
	}
	return value, nil
}

func (v variable) items() []any {
	items := []any{}
	for item := range strings.SplitSeq(string(v), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, variable(item))
		}
	}
	return items
}

func isScalar(t reflect.Type) bool {
	switch kindName(t.Kind()) {
	case kindBool, kindInt, kindFloat, kindText:
		return true
	}
	return isTextType(t) || t.Kind() == reflect.Interface
}
