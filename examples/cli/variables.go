package cli

import (
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/sputnik-go/sputnik"
)

// variable is an environment variable that stands for a key.
type variable struct{ name, kind, def string }

// variables are those of a section that is configured by that name, with the defaults of the section.
func (r *program) variables(name string, s Section) []variable {
	if s.Default == nil {
		return nil
	}
	return r.variablesIn(name, reflect.ValueOf(s.Default))
}

func (r *program) variablesIn(prefix string, conf reflect.Value) (all []variable) {
	for _, f := range fieldsOf(conf) {
		if isSection(f.value.Type()) {
			all = append(all, r.variablesIn(prefix+"_"+f.key, f.value)...)
			continue
		}
		if kind := typeName(f.value.Type()); kind != "" { // else by a file only: a map, or a list of sections
			all = append(all, variable{r.variable(prefix, f.key), kind, written(f.value)})
		}
	}
	return all
}

func (r *program) printVariables(cf sputnik.ConfFactory, sections []Section) error {
	table := new(strings.Builder)
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VARIABLE\tTYPE\tDEFAULT")
	for _, s := range sections {
		conf, err := s.read(cf)
		if err != nil {
			return err
		}
		for _, v := range r.variablesIn(s.Name, conf) {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", v.name, v.kind, v.def)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return r.print(trimmed(table.String()) + `
NAME_FILE names a file with the value of the variable NAME. Lists are separated by commas. An empty
variable counts as unset. A block with another responsibility has its own: ` + r.variable("RESPONSIBILITY", "KEY") + `.
`)
}

// trimmed is text without spaces at the ends of its lines.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}
