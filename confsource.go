package sputnik

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/parsers/yaml"
)

const (
	confTypes    = "json|yaml|yml|toml"
	maxConfDepth = 100
)

// confName is what a file's name configures, "" if it's no configuration file.
func confName(file string) string {
	file = path.Base(file)
	ext := path.Ext(file)
	if strings.HasPrefix(file, ".") || ext == "" || !slices.Contains(strings.Split(confTypes, "|"), ext[1:]) {
		return ""
	}
	return strings.TrimSuffix(file, ext)
}

// confPlace is a folder with a file for each name, or one file with a section
// for each name.
type confPlace struct {
	fsys  fs.FS
	label string
	file  string // "": a folder
}

func placeAt(path string) (confPlace, error) {
	info, err := os.Stat(path)
	if err != nil {
		return confPlace{}, err
	}
	if info.IsDir() {
		return confPlace{fsys: os.DirFS(path), label: path}, nil
	}
	dir, file := filepath.Split(path)
	if !info.Mode().IsRegular() || confName("x"+file) == "" { // its own name may begin with a dot
		return confPlace{}, fmt.Errorf("neither a folder nor a file of type %s", confTypes)
	}
	return confPlace{os.DirFS(filepath.Clean(dir)), path, file}, nil
}

// check finds what is wrong whichever name is asked for.
func (p confPlace) check() error {
	if p.file != "" {
		_, err := p.layer("")
		return err
	}
	files, err := p.files()
	errs := []error{err}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_, err := p.pick(name, files)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// files lists a folder's files by the name they configure. Other folders and
// special files are passed over, as are the ..data links of Kubernetes.
func (p confPlace) files() (map[string][]string, error) {
	entries, err := fs.ReadDir(p.fsys, ".")
	if err != nil {
		return nil, fault("", p.label, "", err)
	}
	files := map[string][]string{}
	for _, entry := range entries {
		name, mode := confName(entry.Name()), entry.Type()
		if mode&fs.ModeSymlink != 0 {
			mode = 0 // also for a dangling link: reading it says what's wrong
			if info, err := fs.Stat(p.fsys, entry.Name()); err == nil {
				mode = info.Mode()
			}
		}
		if name != "" && mode.IsRegular() {
			files[name] = append(files[name], entry.Name())
		}
	}
	return files, nil
}

func (p confPlace) pick(name string, files map[string][]string) (string, error) {
	switch found := files[name]; len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	default:
		return "", fault(name, p.label, "", fmt.Errorf("configured twice: %s", strings.Join(found, " and ")))
	}
}

// layer returns no data if there's nothing for the name.
func (p confPlace) layer(name string) (confLayer, error) {
	layer, file := confLayer{source: p.label}, p.file
	if file == "" {
		files, err := p.files()
		if err != nil {
			return layer, err
		}
		if file, err = p.pick(name, files); file == "" {
			return layer, err
		}
		layer.source = path.Join(p.label, file)
	}
	text, err := fs.ReadFile(p.fsys, file)
	if err == nil {
		layer.data, err = parseConf(file, text)
	}
	if err == nil && p.file != "" {
		layer.data, err = confSection(layer.data, name)
	}
	if err != nil {
		err = fault(name, layer.source, "", err)
	}
	return layer, err
}

func confSection(sections map[string]any, name string) (map[string]any, error) {
	section, ok := sections[name]
	if !ok {
		return nil, nil
	}
	if _, list := section.([]any); list && name == confBlocks {
		return map[string]any{confBlocks: section}, nil
	}
	return confMapping(section)
}

// parseConf returns what a file says; an empty file says nothing. It yields
// maps with text keys, []any, text, booleans, integers, floats and dates only.
func parseConf(file string, text []byte) (map[string]any, error) {
	parse := parseYAML
	switch path.Ext(file) {
	case ".json":
		parse = parseJSON
	case ".toml":
		parse = parseTOML
	}
	top, err := parse(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, err
	}
	if err := checkConfTree(top, 0); err != nil {
		return nil, err
	}
	return confMapping(top)
}

func confMapping(top any) (map[string]any, error) {
	mapping, ok := top.(map[string]any)
	if top != nil && !ok {
		return nil, errors.New("want a mapping of keys to values")
	}
	if mapping == nil {
		mapping = map[string]any{}
	}
	return mapping, nil
}

func checkConfTree(v any, depth int) error {
	var items iter.Seq[any]
	switch v := v.(type) {
	case map[string]any:
		items = maps.Values(v)
	case []any:
		items = slices.Values(v)
	case map[any]any: // YAML makes it where a key isn't text
		return errors.New("a key is no text: write it in quotes")
	default:
		return nil
	}
	if depth == maxConfDepth {
		return fmt.Errorf("nested more than %d deep", maxConfDepth)
	}
	for item := range items {
		if err := checkConfTree(item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func parseTOML(text []byte) (any, error) {
	top, err := toml.Parser().Unmarshal(text)
	var at interface{ Position() (row, column int) }
	if errors.As(err, &at) {
		row, column := at.Position()
		return nil, fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return top, err
}

func parseYAML(text []byte) (any, error) {
	// The parser drops all documents but the first silently.
	documents := regexp.MustCompile(`(?m)^(---|\.\.\.)(\s|$)`).Split(string(text), -1)
	documents = slices.DeleteFunc(documents, func(doc string) bool {
		return !regexp.MustCompile(`(?m)^\s*[^\s#%]`).MatchString(doc)
	})
	if len(documents) > 1 {
		return nil, errors.New("yaml: more than one document")
	}
	top, err := yaml.Parser().Unmarshal(text)
	if err != nil && strings.Contains(err.Error(), "into map[string]interface {}") {
		return nil, errors.New("want a mapping of keys to values")
	}
	return top, err
}

// parseJSON differs from koanf's parser in keeping integers exact and in
// refusing a key that is given twice.
func parseJSON(text []byte) (any, error) {
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
	return jsonValue(decoder)
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
