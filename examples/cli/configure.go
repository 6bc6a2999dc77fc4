package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sputnik-go/sputnik"
)

// settings is a whole configuration that was found right.
type settings struct {
	cf     sputnik.ConfFactory
	blocks []sputnik.BlockDescriptor
}

// configure reads and checks everything that is configured, before anything listens.
func (r *program) configure() (settings, error) {
	var set settings
	var err error
	set.cf, err = sputnik.NewConfFactory(sputnik.ConfSources{
		Defaults: r.Defaults, Path: r.args.Conf, Environ: r.Environ, EnvPrefix: r.EnvPrefix,
	})
	if err != nil {
		return set, err
	}
	var faults []error
	for _, s := range r.Sections {
		faults = append(faults, r.locate(s.check(set.cf)))
	}
	if set.blocks, err = sputnik.AppBlocks(set.cf); err != nil {
		faults = append(faults, r.locate(err))
		for _, b := range r.Blocks { // nobody knows which of them run: whatever is wrong is told
			faults = append(faults, r.locate(b.check(set.cf)))
		}
		return set, joined(faults)
	}
	if r.Arrange != nil {
		set.blocks = r.Arrange(set.cf, set.blocks)
	}
	faults = append(faults, r.checkNames(set), r.locate(r.checkList(set)))
	for _, b := range set.blocks {
		known, ok := r.block(b.Name)
		if !ok {
			continue
		}
		err := known.check(sputnik.ConfFor(set.cf, b))
		if err == nil {
			err = r.checkReceiver(set, b, known)
		}
		faults = append(faults, r.locate(err, b.Responsibility))
	}
	if r.Check != nil {
		faults = append(faults, r.locate(r.Check(set.cf, set.blocks)))
	}
	r.warnOfVariables(set)
	return set, joined(faults)
}

// joined tells each fault once: blocks that share a configuration share its faults.
func joined(faults []error) error {
	var all []error
	told := make(map[string]bool)
	for _, fault := range each(errors.Join(faults...)) {
		if fault != nil && !told[fault.Error()] {
			told[fault.Error()] = true
			all = append(all, fault)
		}
	}
	return errors.Join(all...)
}

func (s Section) check(cf sputnik.ConfFactory) error {
	if s.Check == nil {
		return nil
	}
	return s.Check(cf)
}

// checkList finds what sputnik would find wrong with the block list when the blocks are made.
func (r *program) checkList(set settings) error {
	factories := r.factories(Flight{})
	taken := []string{sputnik.InitiatorResponsibility, sputnik.DefaultFinisherResponsibility, sputnik.DefaultConnectorResponsibility}
	var faults []error
	for i, b := range set.blocks {
		fault := func(format string, args ...any) {
			faults = append(faults, &sputnik.ConfError{Name: blocksName, Key: fmt.Sprintf("blocks[%d]", i), Err: fmt.Errorf(format, args...)})
		}
		if factories[b.Name] == nil {
			fault("there is no block %q%s", b.Name, didYouMean(b.Name, r.names()))
		}
		if slices.Contains(taken, b.Responsibility) {
			fault("responsibility %q is taken", b.Responsibility)
		}
		taken = append(taken, b.Responsibility)
	}
	return errors.Join(faults...)
}

// checkReceiver wants a block that takes messages, listed before b: then it is finished after b.
func (r *program) checkReceiver(set settings, b sputnik.BlockDescriptor, known Block) error {
	if known.To == "" {
		return nil
	}
	to, err := text(sputnik.ConfFor(set.cf, b), known.Section, known.To)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(set.blocks, func(other sputnik.BlockDescriptor) bool { return other.Responsibility == to })
	switch {
	case at < 0:
		err = fmt.Errorf("no block is responsible for %q", to)
	case !r.takes(set.blocks[at].Name):
		err = fmt.Errorf("%q takes no messages, want a %s", to, strings.Join(r.sinks(), " or a "))
	case at > slices.Index(set.blocks, b):
		err = fmt.Errorf("%q has to be listed before %q, so that it is finished after it", to, b.Responsibility)
	default:
		return nil
	}
	return &sputnik.ConfError{Name: b.Name, Key: known.To, Err: err}
}

// takes tells whether a block may be sent to. Of one that isn't known, nothing is known.
func (r *program) takes(name string) bool {
	b, known := r.block(name)
	return b.Takes || !known
}

func (r *program) sinks() (names []string) {
	for _, b := range r.Blocks {
		if b.Takes {
			names = append(names, b.Name)
		}
	}
	return names
}

// text reads one key.
func text(cf sputnik.ConfFactory, s Section, key string) (string, error) {
	conf, err := s.read(cf)
	if err != nil {
		return "", err
	}
	for _, f := range fieldsOf(conf) {
		if f.key == key && f.value.Kind() == reflect.String {
			return f.value.String(), nil
		}
	}
	return "", &sputnik.ConfError{Name: s.Name, Key: key, Err: errors.New("there is no such key")}
}

// isUsage tells whether err is about the configuration, and not about what happened later.
func (r *program) isUsage(err error) bool {
	_, conf := errors.AsType[*sputnik.ConfError](err)
	_, setUp := errors.AsType[*sputnik.SetupError](err)
	return conf || setUp
}

// locate adds to each fault where the value that was refused comes from: from what is configured under its name, or under
// one of those that go over it.
func (r *program) locate(err error, over ...string) error {
	for _, e := range each(err) {
		if ce, ok := errors.AsType[*sputnik.ConfError](e); ok && ce.Source == "" {
			ce.Source = r.source(ce.Key, append(over, ce.Name))
		}
	}
	return err
}

// source is the variable, or the file, that has the last say on a key, else a file that could have had it. The first name
// goes before the others.
func (r *program) source(key string, names []string) string {
	key, _, _ = strings.Cut(key, "[") // a list is one value
	top, _, _ := strings.Cut(key, ".")
	const builtIn = "built-in"
	could := builtIn
	if isFile(r.args.Conf) {
		could = r.args.Conf
	}
	files, err := sputnik.NewConfFactory(sputnik.ConfSources{Path: r.args.Conf})
	if err != nil {
		return could
	}
	for _, name := range names {
		for _, variable := range []string{r.variable(name, key), r.variable(name, key) + "_FILE"} {
			if r.variableOf(variable) != "" {
				return variable
			}
		}
		var keys map[string]any
		if errors.Is(files(name, &keys), fs.ErrNotExist) {
			continue
		}
		for key := range keys {
			if strings.EqualFold(key, top) {
				return r.file(name)
			}
		}
		if could == builtIn {
			could = r.file(name)
		}
	}
	return could
}

// file is the one that configures that name.
func (r *program) file(name string) string {
	if isFolder(r.args.Conf) {
		for _, format := range formats {
			if path := filepath.Join(r.args.Conf, name+format); isFile(path) {
				return path
			}
		}
	}
	return r.args.Conf
}
