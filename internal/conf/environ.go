package conf

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// environment is the layer of variables. A variable's name is computed from
// the fields of the result, so nothing is guessed from its underscores.
type environment struct {
	vars   map[string]string
	prefix string

	mu     sync.Mutex
	claims map[string]string // what each variable that is set was read for
}

func newEnvironment(lines []string, prefix string) *environment {
	e := &environment{vars: map[string]string{}, prefix: strings.TrimRight(prefix, "_"), claims: map[string]string{}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		e.vars[name] = value
	}
	return e
}

func (e *environment) check() []*Error { return nil }

func (e *environment) describe(name string) string { return "variables " + e.variable(name) + "_*" }

// variable returns the name of the variable for a path of keys.
func (e *environment) variable(path ...string) string {
	if e.prefix != "" {
		path = slices.Insert(path, 0, e.prefix)
	}
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(strings.Join(path, "_")))
}

// setting is a field of the result that a variable can set.
type setting struct {
	variable string
	path     []string
}

func (s setting) key() string { return strings.Join(s.path, ".") }

// settings lists what variables can reach in t. A type within itself is not
// followed: its variables would have no end.
func (e *environment) settings(name string, t reflect.Type, path []string, within []reflect.Type) ([]setting, error) {
	fields, err := fieldsOf(t)
	within = append(slices.Clone(within), t)
	var all []setting
	for _, field := range fields {
		path, typ := append(slices.Clone(path), field.key), pointee(field.typ)
		if typ.Kind() != reflect.Struct || isTextType(typ) {
			all = append(all, setting{e.variable(append([]string{name}, path...)...), path})
		} else if !slices.Contains(within, typ) {
			nested, nestedErr := e.settings(name, typ, path, within)
			all, err = append(all, nested...), errors.Join(err, nestedErr)
		}
	}
	return all, err
}

// layers returns a layer for each variable that is set for a field of t.
func (e *environment) layers(name string, t reflect.Type) (layers []*layer) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	settings, err := e.settings(name, t, nil, nil)
	if err != nil {
		return []*layer{newLayer("", nil, err)}
	}
	known := map[string]setting{}
	for _, s := range settings {
		if other, twice := known[s.variable]; twice {
			l := &layer{source: s.variable}
			l.fail(s.key(), fmt.Errorf("stands for key %q, too", other.key()))
			layers = append(layers, l)
		}
		known[s.variable] = s
	}
	for _, s := range settings {
		file := s.variable + "_FILE"
		if _, taken := known[file]; taken || e.vars[file] == "" {
			file = ""
		}
		if file+e.vars[s.variable] != "" { // an empty variable counts as unset
			layers = append(layers, e.layer(name, s, file))
		}
	}
	return layers
}

// layer says what s is set to, by itself or by the variable file.
func (e *environment) layer(name string, s setting, file string) *layer {
	l := &layer{source: cmp.Or(file, s.variable)}
	text, err := e.text(s.variable, file)
	if err == nil {
		err = e.claim(l.source, fmt.Sprintf("key %q of block %q", strings.ToLower(s.key()), name))
	}
	if err != nil {
		l.fail(s.key(), err)
		return l
	}
	if strings.HasPrefix(text, "tcp://") {
		l.hint = " (Kubernetes sets NAME_PORT=tcp://... for each Service; an EnvPrefix keeps clear of that)"
	}
	var data any = variable(text)
	for _, key := range slices.Backward(s.path) {
		data = map[string]any{key: data}
	}
	l.data, _ = data.(map[string]any)
	return l
}

func (e *environment) text(variable, file string) (string, error) {
	switch {
	case file == "":
		return e.vars[variable], nil
	case e.vars[variable] != "":
		return "", fmt.Errorf("%s is set, too", variable)
	}
	content, err := os.ReadFile(e.vars[file])
	return strings.TrimRight(string(content), "\r\n"), err
}

// claim refuses a variable that was read for another configuration or key.
func (e *environment) claim(variable, purpose string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if other, taken := e.claims[variable]; taken && other != purpose {
		return fmt.Errorf("stands for %s, too", other)
	}
	e.claims[variable] = purpose
	return nil
}
