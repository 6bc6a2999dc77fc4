package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// parseJSON differs from koanf's parser in keeping integers exact and in
// refusing a key that is given twice.
func parseJSON(text []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var whole json.RawMessage
	err := json.Unmarshal(text, &whole)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(text[:syntax.Offset], []byte("\n")), err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	data, err := jsonValue(decoder)
	if err != nil {
		return nil, err
	}
	return mapping(data)
}

// jsonValue reads the next value of a text whose syntax and depth were checked.
func jsonValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() && err == nil {
			var item any
			item, err = jsonValue(decoder)
			list = append(list, item)
		}
		_, _ = decoder.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		for decoder.More() && err == nil {
			token, _ := decoder.Token()
			key, _ := token.(string)
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("key %q is given twice", key)
			}
			object[key], err = jsonValue(decoder)
		}
		_, _ = decoder.Token()
		return object, err
	}
	number, ok := token.(json.Number)
	if !ok {
		return token, err
	}
	if i, err := number.Int64(); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
		return u, nil
	}
	return number.Float64()
}
