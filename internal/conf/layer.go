package conf

import "fmt"

// layer is what one file or one variable says about one name.
type layer struct {
	source string
	data   map[string]any
	hint   string // added to the errors
	errs   []*Error
}

func (l *layer) fail(key string, err error) {
	l.errs = append(l.errs, &Error{Source: l.source, Key: key, Err: fmt.Errorf("%w%s", err, l.hint)})
}

// newLayer returns a layer with data, or with err if that isn't nil.
func newLayer(source string, data map[string]any, err error) *layer {
	l := &layer{source: source, data: data}
	if err != nil {
		l.fail("", err)
	}
	return l
}
