package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/sputnik-go/sputnik"
)

// formats of a configuration's file, by the ends of their names.
var formats = []string{".yaml", ".yml", ".json", ".toml"} //nolint:gochecknoglobals // a constant

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// checkNames finds the files in the folder, or the sections in the file, that nobody asks for: they are misspelled.
func (r *program) checkNames(set settings) error {
	switch path := r.args.Conf; {
	case path == "":
		return nil
	case isFolder(path):
		return r.checkFiles(set)
	default:
		return r.checkSections(set)
	}
}

func (r *program) checkFiles(set settings) error {
	entries, err := os.ReadDir(r.args.Conf)
	if err != nil {
		return err
	}
	var faults []error
	found := false
	for _, entry := range entries {
		path := filepath.Join(r.args.Conf, entry.Name())
		ext := filepath.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext)
		switch {
		case strings.HasPrefix(name, "."), !slices.Contains(formats, strings.ToLower(ext)):
			continue
		case isFolder(path):
			err = errors.New("is a folder")
		case ext != strings.ToLower(ext):
			err = fmt.Errorf("is not read: name it %s", name+strings.ToLower(ext))
		default:
			err = r.checkName(set, name, path)
		}
		found = true
		if err != nil {
			faults = append(faults, &sputnik.ConfError{Source: path, Err: err})
		}
	}
	if !found {
		r.log.Warn("no configuration in this folder: only what is built in, and variables, count", "conf", r.args.Conf)
	}
	return errors.Join(faults...)
}

func (r *program) checkSections(set settings) error {
	text, err := os.ReadFile(r.args.Conf)
	if err != nil {
		return err
	}
	const whole = "whole"
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: fstest.MapFS{
		whole + filepath.Ext(r.args.Conf): {Data: text},
	}})
	if err != nil {
		return err
	}
	var sections map[string]any
	_ = cf(whole, &sections) // who reads a section tells what is wrong with the file
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		if err := r.checkName(set, name, r.args.Conf); err != nil {
			faults = append(faults, &sputnik.ConfError{Source: r.args.Conf, Name: name, Err: err})
		}
	}
	return errors.Join(faults...)
}

// checkName wants that somebody asks for what is configured under this name; for a block that doesn't run, that is no
// fault: whether it runs may depend on a flag or a variable.
func (r *program) checkName(set settings, name, path string) error {
	asked := r.configurations(set.blocks)
	if slices.Contains(asked, name) {
		return nil
	}
	if _, known := r.block(name); known {
		r.log.Warn("this is not used, as no such block runs", "name", name, "conf", path)
		return nil
	}
	names := []string{blocksName}
	for _, s := range r.sections() {
		names = append(names, s.Name)
	}
	return fmt.Errorf("nothing that runs is configured under the name %q%s", name, didYouMean(name, names))
}

// configurations are the names that are asked for when these blocks run.
func (r *program) configurations(blocks []sputnik.BlockDescriptor) []string {
	names := []string{blocksName}
	for _, s := range r.Sections {
		names = append(names, s.Name)
	}
	for _, b := range blocks {
		names = append(names, b.Name, b.Responsibility)
	}
	return names
}

// warnOfVariables names the variables that have no effect. That is no fault: others may set variables of our prefix.
func (r *program) warnOfVariables(set settings) {
	var known, open []string
	for _, s := range r.Sections {
		known = append(known, r.variablesOf(s.Name, s)...)
	}
	for _, b := range set.blocks {
		for _, name := range []string{b.Name, b.Responsibility} {
			if block, ok := r.block(b.Name); ok {
				known = append(known, r.variablesOf(name, block.Section)...)
			} else {
				open = append(open, r.variable(name, ""))
			}
		}
	}
	for _, line := range r.Environ {
		name, _, _ := strings.Cut(line, "=")
		stands := func(known []string) bool {
			return slices.Contains(known, name) || slices.Contains(known, strings.TrimSuffix(name, "_FILE"))
		}
		if !strings.HasPrefix(name, r.EnvPrefix+"_") || stands(known) ||
			slices.ContainsFunc(open, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		idle := slices.IndexFunc(r.Blocks, func(b Block) bool { return stands(r.variablesOf(b.Name, b.Section)) })
		switch near, ok := nearest(name, known); {
		case idle >= 0:
			r.log.Warn("this is not used, as no such block runs", "name", r.Blocks[idle].Name, "variable", name)
		case ok:
			r.log.Warn("this variable stands for no key", "variable", name, "known", near)
		default:
			r.log.Warn("this variable stands for no key", "variable", name)
		}
	}
}

// variablesOf are those of a section that is configured by that name.
func (r *program) variablesOf(name string, s Section) (all []string) {
	for _, v := range r.variables(name, s) {
		all = append(all, v.name)
	}
	return all
}

// variable is the one for a key of the configuration of that name.
func (r *program) variable(name, key string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(r.EnvPrefix+"_"+name+"_"+key))
}

// nearest is the known name that is most like the given one, if one is like it at all.
func nearest(name string, known []string) (near string, ok bool) {
	if len(known) == 0 {
		return "", false
	}
	const slips = 2 // one letter too many, too few, or wrong counts once, two that are swapped twice
	near = slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return near, distance(name, near) <= slips
}

// didYouMean ends the sentence that name is unknown.
func didYouMean(name string, known []string) string {
	if near, ok := nearest(name, known); ok {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// distance is how many characters have to be inserted, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
