package cli

import (
	"cmp"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sputnik-go/sputnik"
)

// names are those of all blocks there are, sputnik's own left out.
func (r *program) names() []string {
	all := r.factories(Flight{})
	delete(all, sputnik.DefaultFinisherName)
	delete(all, sputnik.DefaultConnectorName)
	return slices.Sorted(maps.Keys(all))
}

// list prints the blocks there are, and those that are configured to run.
func (r *program) list() error {
	set, err := r.configure()
	if err != nil {
		return err
	}
	text := new(strings.Builder)
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "BLOCK\tABOUT")
	for _, name := range r.names() {
		b, _ := r.block(name)
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, cmp.Or(b.About, "(registered)"))
	}
	_, _ = fmt.Fprintln(w)
	_, _ = fmt.Fprintln(w, "RUNS\tRESPONSIBILITY\tSENDS TO")
	for i, b := range set.blocks {
		to := ""
		if known, ok := r.block(b.Name); ok && known.To != "" {
			if to, err = textOf(set, b, known); err != nil {
				return err
			}
		}
		_, _ = fmt.Fprintf(w, "%d. %s\t%s\t%s\n", i+1, b.Name, b.Responsibility, to)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return r.print(trimmed(text.String()))
}

func textOf(set settings, b sputnik.BlockDescriptor, known Block) (string, error) {
	return text(sputnik.ConfFor(set.cf, b), known.Section, known.To)
}

// stamped is the version where the build has no repository to take it from, as in an image:
//
//	go build -ldflags "-X github.com/sputnik-go/sputnik/examples/cli.stamped=1.2.3"
var stamped string //nolint:gochecknoglobals // the linker can set nothing else

// build is what Go knows of this binary.
func build() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// release is the version of the program.
func release() string { return cmp.Or(stamped, build().Main.Version, "(devel)") }

// version prints the version of the module, of the source, and of Go.
func (r *program) version() error {
	setting := make(map[string]string)
	for _, s := range build().Settings {
		setting[s.Key] = s.Value
	}
	revision := cmp.Or(setting["vcs.revision"], "unknown")
	if setting["vcs.modified"] == "true" {
		revision += " (modified)"
	}
	return r.print(trimmed(fmt.Sprintf("%s %s\nrevision %s %s\n%s %s/%s\n", r.Name, release(), revision, setting["vcs.time"],
		cmp.Or(build().GoVersion, "go unknown"), cmp.Or(setting["GOOS"], "unknown"), cmp.Or(setting["GOARCH"], "unknown"))))
}
