package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sputnik-go/sputnik"
)

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkFiles finds the files in the folder that nobody asks for. Such a file is a misspelled one.
func (r *program) checkFiles(set settings) (faults []error) {
	if !isFolder(r.args.Conf) {
		return nil // none, or a single file
	}
	entries, err := os.ReadDir(r.args.Conf)
	if err != nil {
		return []error{err}
	}
	names := r.configurations(set.blocks)
	formats := []string{".yaml", ".yml", ".json", ".toml"}
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext)
		var err error
		switch {
		case strings.HasPrefix(name, "."), !slices.Contains(formats, strings.ToLower(ext)):
			continue
		case entry.IsDir():
			err = errors.New("is a folder")
		case ext != strings.ToLower(ext), !slices.Contains(names, name):
			err = errors.New("nothing that runs is configured by a file of this name")
		default:
			continue
		}
		faults = append(faults, &sputnik.ConfError{Source: filepath.Join(r.args.Conf, entry.Name()), Err: err})
	}
	return faults
}

// configurations are the names that are asked for when these blocks run.
func (r *program) configurations(blocks []sputnik.BlockDescriptor) []string {
	names := []string{"blocks"}
	for _, s := range r.Sections {
		names = append(names, s.Name)
	}
	for _, b := range blocks {
		names = append(names, b.Name, b.Responsibility)
	}
	return names
}

// warnOfVariables names the variables that stand for no key. That is no fault: others may set variables of our prefix.
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
		asked := slices.ContainsFunc(open, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if strings.HasPrefix(name, r.EnvPrefix+"_") && !asked &&
			!slices.Contains(known, name) && !slices.Contains(known, strings.TrimSuffix(name, "_FILE")) {
			r.log.Warn("this variable stands for no key", "variable", name, "known", nearest(name, known))
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

// nearest is the known name that is most like the given one.
func nearest(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
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
