package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/sputnik-go/sputnik"
)

// frozen is configure, for a flight.
func (r *program) frozen() (settings, error) {
	set, err := r.configure()
	if err != nil {
		return set, err
	}
	set, err = r.freeze(set)
	return set, r.locate(err)
}

// freeze returns what set says now, whatever becomes of the files: blocks that restart, and a connector that connects
// anew, read their configuration again. Files that variables NAME_FILE name are still read afresh, as secrets change.
func (r *program) freeze(set settings) (settings, error) {
	files := make(fstest.MapFS)
	for _, name := range r.configurations(set.blocks) {
		if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\\x00") {
			continue // a responsibility may be any text; this one has no configuration
		}
		keys := make(map[string]any)
		switch err := set.cf(name, &keys); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return set, err
		}
		text, err := json.Marshal(keys)
		if err != nil {
			return set, fmt.Errorf("configuration %q: %w", name, err)
		}
		files[name+".json"] = &fstest.MapFile{Data: text}
	}
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: files, Environ: r.Environ, EnvPrefix: r.EnvPrefix})
	return settings{cf, set.blocks}, err
}
