package sputnik

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// envField is a field of a target with the variable that sets it.
type envField struct {
	variable string
	path     []string
	typ      reflect.Type
}

func (f envField) key() string { return strings.Join(f.path, ".") }

func environMap(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		vars[name] = value
	}
	return vars
}

func envName(prefix string, path ...string) string {
	if prefix = strings.TrimRight(prefix, "_"); prefix != "" {
		path = slices.Insert(path, 0, prefix)
	}
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(strings.Join(path, "_")))
}

// envLayers returns a layer for each variable that is set for a field of t.
func (r *confReader) envLayers(name string, t reflect.Type) (layers []confLayer, errs []error) {
	fields, err := r.envFields(name, t, nil, nil)
	if err != nil {
		return nil, []error{fault(name, "", "", err)}
	}
	known := map[string]envField{}
	for _, field := range fields {
		if other, twice := known[field.variable]; twice {
			err := fmt.Errorf("stands for key %q, too", other.key())
			errs = append(errs, fault(name, field.variable, field.key(), err))
		}
		known[field.variable] = field
	}
	for _, field := range fields {
		variable, inFile := field.variable, false
		if _, taken := known[variable+"_FILE"]; !taken && r.environ[variable+"_FILE"] != "" {
			variable, inFile = variable+"_FILE", true
		}
		if r.environ[variable] == "" { // counts as unset
			continue
		}
		layer, err := r.envLayer(name, field, variable, inFile)
		if err != nil {
			errs = append(errs, fault(name, variable, field.key(), err))
			continue
		}
		layers = append(layers, layer)
	}
	return layers, errs
}

// envFields lists what variables can reach in t. A type within itself is not
// followed: its variables would have no end.
func (r *confReader) envFields(name string, t reflect.Type, path []string, within []reflect.Type) ([]envField, error) {
	fields, err := confFields(t)
	var all []envField
	for _, field := range fields {
		path, typ := append(slices.Clone(path), field.key), pointee(field.typ)
		if typ.Kind() != reflect.Struct || isTextType(typ) {
			variable := envName(r.prefix, append([]string{name}, path...)...)
			all = append(all, envField{variable, path, typ})
		} else if typ != t && !slices.Contains(within, typ) {
			nested, nestedErr := r.envFields(name, typ, path, append(slices.Clone(within), t))
			all, err = append(all, nested...), errors.Join(err, nestedErr)
		}
	}
	return all, err
}

func (r *confReader) envLayer(name string, field envField, variable string, inFile bool) (confLayer, error) {
	value := r.environ[variable]
	if inFile {
		if r.environ[field.variable] != "" {
			return confLayer{}, fmt.Errorf("%s is set, too", field.variable)
		}
		content, err := os.ReadFile(value)
		if err != nil {
			return confLayer{}, err
		}
		value = strings.TrimRight(string(content), "\r\n")
	}
	if err := r.claim(variable, fmt.Sprintf("key %q of block %q", strings.ToLower(field.key()), name)); err != nil {
		return confLayer{}, err
	}
	layer := confLayer{source: variable}
	if strings.HasPrefix(value, "tcp://") {
		layer.hint = " (Kubernetes sets NAME_PORT=tcp://... for each Service; an EnvPrefix keeps clear of that)"
	}
	data, err := fromEnv(field.typ, value)
	if err != nil {
		return layer, fmt.Errorf("%w%s", err, layer.hint)
	}
	for _, key := range slices.Backward(field.path) {
		data = map[string]any{key: data}
	}
	layer.data, _ = data.(map[string]any)
	return layer, nil
}

// fromEnv turns a variable's text into what a file would hold for t. Its
// errors don't repeat the text, which may be a secret.
func fromEnv(t reflect.Type, text string) (value any, err error) {
	t = pointee(t)
	kind := kindName(t.Kind())
	switch {
	case isDuration(t) || isTextType(t) || kind == kindText || t.Kind() == reflect.Interface:
		return text, nil
	case kind == kindBool:
		value, err = strconv.ParseBool(text)
	case kind == kindFloat:
		value, err = strconv.ParseFloat(text, 64)
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		value, err = strconv.ParseUint(text, 10, 64)
	case kind == kindInt:
		value, err = strconv.ParseInt(text, 10, 64)
	case kind == kindList && (isTextType(pointee(t.Elem())) || kindName(pointee(t.Elem()).Kind()) != kindList):
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			item, err := fromEnv(t.Elem(), part)
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", len(list)+1, err)
			}
			list = append(list, item)
		}
		return list, nil
	default:
		return nil, fmt.Errorf("a value of type %s can't be given by a variable, only by a file", t)
	}
	if err != nil {
		return nil, fmt.Errorf("want %s", kind)
	}
	return value, nil
}

// claim refuses a variable that was read for another configuration or key.
func (r *confReader) claim(variable, purpose string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, taken := r.claims[variable]; taken && other != purpose {
		return fmt.Errorf("stands for %s, too", other)
	}
	r.claims[variable] = purpose
	return nil
}
