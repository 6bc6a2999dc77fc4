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
	Write string   `placeholder:"FOLDER" help:"Write a file for each name into this folder; what is there already stays."`
	Names []string `arg:"" optional:"" name:"NAME" help:"Only the configuration of these names, such as blocks."`
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
	if r.args.Config.Write != "" {
		return write(r.args.Config.Write, cf, sections)
	}
	var text strings.Builder
	text.WriteString("# For --conf: one file, with a section for each name. --write FOLDER makes a file of each.\n")
	for _, s := range sections {
		section, err := s.sample(cf)
		if err != nil {
			return err
		}
		if s.Name != blocksName { // its section may be the list itself
			key := &yaml.Node{Kind: yaml.ScalarNode, Value: s.Name}
			section = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, section}}
		}
		written, err := document(s.About, section)
		if err != nil {
			return err
		}
		text.WriteString("\n" + written)
	}
	return r.print(text.String())
}

// write makes a file of each section. What is there stays.
func write(folder string, cf sputnik.ConfFactory, sections []Section) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var faults []error
	for _, s := range sections {
		sample, err := s.sample(cf)
		if err != nil {
			return err
		}
		text, err := document(s.Name+".yaml: "+s.About+"\n", sample)
		if err != nil {
			return err
		}
		faults = append(faults, create(filepath.Join(folder, s.Name+".yaml"), text))
	}
	return errors.Join(faults...)
}

// document is YAML with a comment in front.
func document(about string, node *yaml.Node) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", about)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := errors.Join(e.Encode(node), e.Close())
	return b.String(), err
}

const blocksName = "blocks"

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
	all := append([]Section{{Name: blocksName, About: "which blocks run", Default: blockList{}}}, r.sections()...)
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
			return nil, &sputnik.ConfError{Name: name, Err: fmt.Errorf("nothing is configured under this name; there are %s", strings.Join(names, ", "))}
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

// sample has every key, what it means, and its default.
func (s Section) sample(cf sputnik.ConfFactory) (*yaml.Node, error) {
	conf, err := s.read(cf)
	if err != nil {
		return nil, err
	}
	node, err := mapping(conf, comment)
	if err != nil {
		return nil, fmt.Errorf("configuration %q: %w", s.Name, err)
	}
	return node, nil
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
