package conf

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
)

// folder is a source with a file for each name.
type folder struct {
	fsys  fs.FS
	label string
}

func (f folder) describe(string) string { return f.label }

func (f folder) check() (errs []*Error) {
	files, err := f.files()
	if err != nil {
		errs = append(errs, &Error{Source: f.label, Err: err})
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if len(files[name]) > 1 {
			errs = append(errs, &Error{Name: name, Source: f.label, Err: twice(files[name])})
		}
	}
	return errs
}

func (f folder) layers(name string, _ reflect.Type) []*layer {
	files, err := f.files()
	if err == nil && len(files[name]) > 1 {
		err = twice(files[name])
	}
	if err != nil {
		return []*layer{newLayer(f.label, nil, err)}
	}
	var layers []*layer
	for _, file := range files[name] {
		text, err := fs.ReadFile(f.fsys, file)
		var data map[string]any
		if err == nil {
			data, err = parse(file, text)
		}
		layers = append(layers, newLayer(path.Join(f.label, file), data, err))
	}
	return layers
}

// files lists the files by the name they configure. Other folders and special
// files are passed over, as are the ..data links of Kubernetes.
func (f folder) files() (map[string][]string, error) {
	entries, err := fs.ReadDir(f.fsys, ".")
	files := map[string][]string{}
	for _, entry := range entries {
		file, mode := entry.Name(), entry.Type()
		if strings.HasPrefix(file, ".") || parserOf(file) == nil {
			continue
		}
		if mode&fs.ModeSymlink != 0 {
			mode = 0 // also for a dangling link: reading it says what's wrong
			if info, err := fs.Stat(f.fsys, file); err == nil {
				mode = info.Mode()
			}
		}
		if name := strings.TrimSuffix(file, path.Ext(file)); mode.IsRegular() {
			files[name] = append(files[name], file)
		}
	}
	return files, err
}

func twice(files []string) error {
	return fmt.Errorf("configured twice: %s", strings.Join(files, " and "))
}
