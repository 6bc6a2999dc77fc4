package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
)

// file is a source with a section for each name; its value is its path.
type file string

// sourceAt returns the folder or the file at path.
func sourceAt(path string) (source, error) {
	info, err := os.Stat(path)
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err // whoever reports it names the path
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("can't be read: %w", err)
	case info.IsDir():
		return folder{os.DirFS(path), path}, nil
	case !info.Mode().IsRegular() || parserOf(path) == nil:
		return nil, errors.New("neither a folder nor a file of type json, yaml, yml or toml")
	}
	return file(path), nil
}

func (f file) describe(string) string { return string(f) }

func (f file) check() []*Error {
	if _, err := f.sections(); err != nil {
		return []*Error{{Source: string(f), Err: err}}
	}
	return nil
}

func (f file) layers(name string, _ reflect.Type) []*layer {
	sections, err := f.sections()
	section, ok := sections[name]
	if err == nil && !ok {
		return nil
	}
	if _, list := section.([]any); list && name == Blocks {
		section = map[string]any{Blocks: section}
	}
	var data map[string]any
	if err == nil {
		data, err = mapping(section)
	}
	return []*layer{newLayer(string(f), data, err)}
}

func (f file) sections() (map[string]any, error) {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	return parse(string(f), text)
}
