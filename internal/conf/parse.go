package conf

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/parsers/yaml"
)

var errNoMapping = errors.New("want a mapping of keys to values")

// parser returns what a file says; an empty file says nothing.
type parser func(text []byte) (map[string]any, error)

// parserOf goes by a file's name; nil: it's no configuration file.
func parserOf(file string) parser {
	switch path.Ext(file) {
	case ".json":
		return parseJSON
	case ".yaml", ".yml":
		return parseYAML
	case ".toml":
		return parseTOML
	}
	return nil
}

func parse(file string, text []byte) (map[string]any, error) {
	return parserOf(file)(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
}

func mapping(data any) (map[string]any, error) {
	m, ok := data.(map[string]any)
	if data != nil && !ok {
		return nil, errNoMapping
	}
	return m, nil
}

func parseTOML(text []byte) (map[string]any, error) {
	data, err := toml.Parser().Unmarshal(text)
	var at interface{ Position() (row, column int) }
	if errors.As(err, &at) {
		row, column := at.Position()
		return nil, fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return data, err
}

func parseYAML(text []byte) (map[string]any, error) {
	// The parser drops all documents but the first silently.
	documents := regexp.MustCompile(`(?m)^(---|\.\.\.)(\s|$)`).Split(string(text), -1)
	documents = slices.DeleteFunc(documents, func(doc string) bool {
		return !regexp.MustCompile(`(?m)^\s*[^\s#%]`).MatchString(doc)
	})
	if len(documents) > 1 {
		return nil, errors.New("yaml: more than one document")
	}
	data, err := yaml.Parser().Unmarshal(text)
	if err != nil && strings.Contains(err.Error(), "into map[string]interface {}") {
		return nil, errNoMapping
	}
	return data, err
}
