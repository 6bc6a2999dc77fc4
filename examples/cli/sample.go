package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sputnik-go/sputnik"
)

// configTo says what of the configuration is printed, and where to.
type configTo struct {
	Env   bool     `help:"Print the environment variables instead, with types and defaults."`
	Write string   `placeholder:"FOLDER" help:"Write a file for each name into this folder, where there is none yet."`
	Names []string `arg:"" optional:"" name:"NAME" help:"Only the configuration of these names; list shows which there are."`
}

// config prints a sample configuration, or the table of variables.
func (r *program) config() error {
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: r.Defaults})
	if err != nil {
		return err
	}
	sections, err := r.chosen()
	if err != nil {
		return err
	}
	if r.args.Config.Env {
		return r.printVariables(cf, sections)
	}
	var documents []string
	for _, s := range sections {
		text, err := s.sample(cf)
		if err != nil {
			return err
		}
		if r.args.Config.Write != "" {
			err = create(filepath.Join(r.args.Config.Write, s.Name+".yaml"), text)
		}
		if err != nil {
			return err
		}
		documents = append(documents, text)
	}
	if r.args.Config.Write != "" {
		return nil
	}
	return r.print(strings.Join(documents, "---\n"))
}

// blockList is the configuration "blocks", as sputnik.AppBlocks reads it.
type blockList struct {
	Blocks []listed `koanf:"blocks" doc:"the blocks in the order of their start; they finish in reverse: list a block behind those that it sends to"`
}

type listed struct {
	Name           string `koanf:"name" doc:"under which the block is registered"`
	Responsibility string `koanf:"responsibility" doc:"which others send to; the name, where it is left out"`
}

// chosen are the sections that the arguments name, or all.
func (r *program) chosen() ([]Section, error) {
	all := append([]Section{{Name: "blocks", About: "which blocks run", Default: blockList{}}}, r.sections()...)
	if len(r.args.Config.Names) == 0 {
		return all, nil
	}
	known := make(map[string]Section)
	var names []string
	for _, s := range all {
		known[s.Name] = s
		names = append(names, s.Name)
	}
	var chosen []Section
	for _, name := range r.args.Config.Names {
		s, ok := known[name]
		if !ok {
			return nil, &sputnik.ConfError{Name: name, Err: fmt.Errorf("nothing is configured under this name, did you mean %q?", nearest(name, names))}
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// create writes a file that isn't there yet.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// sample is a YAML document with every key, what it means, and its default.
func (s Section) sample(cf sputnik.ConfFactory) (string, error) {
	conf, err := s.read(cf)
	if err != nil {
		return "", err
	}
	node, err := mapping(conf, comment)
	if err != nil {
		return "", fmt.Errorf("configuration %q: %w", s.Name, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s.yaml: %s\n\n", s.Name, s.About)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err = errors.Join(e.Encode(node), e.Close())
	return b.String(), err
}

// mapping has a comment for each key where about says so; an item of a list needs none, as the list's says it all.
func mapping(conf reflect.Value, about func(field) string) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(conf) {
		value, err := valueNode(f.value, about)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", f.key, err)
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: f.key, HeadComment: about(f)}
		node.Content = append(node.Content, key, value)
	}
	return node, nil
}

func valueNode(v reflect.Value, about func(field) string) (*yaml.Node, error) {
	switch {
	case isSection(v.Type()):
		return mapping(v, about)
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return valueNode(v.Elem(), about)
	case v.Kind() == reflect.Slice && typeName(v.Type().Elem()) == "":
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			list.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			item, err := valueNode(v.Index(i), func(field) string { return "" })
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, item)
		}
		return list, nil
	}
	node := new(yaml.Node)
	plain := v.Interface()
	if v.Type() == duration {
		plain = written(v)
	}
	err := node.Encode(plain)
	if node.Kind != yaml.ScalarNode {
		node.Style = yaml.FlowStyle
	}
	return node, err
}

const commentWidth = 100

// comment is what a key means; for a list of sections also which keys each has.
func comment(f field) string {
	lines := wrap(f.doc, commentWidth)
	t := f.value.Type()
	if t.Kind() == reflect.Slice && isSection(t.Elem()) {
		for _, inner := range fieldsOf(reflect.New(t.Elem()).Elem()) {
			about := inner.key + ": " + inner.doc
			lines = append(lines, wrap("  - "+about, commentWidth)...)
		}
	}
	return strings.Join(lines, "\n")
}

// wrap breaks text into lines of that many characters, as far as its words allow.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.SplitSeq(text, " ") {
		last := len(lines) - 1
		switch {
		case text == "":
		case last < 0:
			lines = append(lines, word)
		case len(lines[last])+1+len(word) <= width:
			lines[last] += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
