package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/examples/syslog2nats/nats"
	"github.com/sputnik-go/sputnik/examples/syslog2nats/syslog"
)

//go:embed conf
var embedded embed.FS

const envPrefix = "S2N"

// configure reads and checks everything that is configured, before anything listens.
func (a *app) configure() (settings, error) {
	var set settings
	defaults, err := fs.Sub(embedded, "conf")
	if err != nil {
		return set, err
	}
	set.cf, err = sputnik.NewConfFactory(sputnik.ConfSources{
		Defaults: defaults, Path: a.opts.conf, Environ: a.environ, EnvPrefix: envPrefix,
	})
	if err != nil {
		return set, err
	}
	if set.blocks, err = sputnik.AppBlocks(set.cf); err != nil {
		return set, err
	}
	tail := sputnik.BlockDescriptor{Name: nats.TailName, Responsibility: nats.TailName}
	if a.opts.tail && !slices.Contains(set.blocks, tail) {
		set.blocks = slices.Insert(set.blocks, 0, tail)
	}
	faults := make([]error, 0, len(set.blocks)+1)
	set.nats, err = nats.ReadConf(set.cf)
	faults = append(faults, err)
	for _, b := range set.blocks {
		faults = append(faults, set.check(b))
	}
	return set, errors.Join(faults...)
}

// check reads what the block will read, before anything listens.
func (set settings) check(b sputnik.BlockDescriptor) error {
	cf := sputnik.ConfFor(set.cf, b)
	switch b.Name {
	case syslog.Name:
		conf, err := syslog.ReadConf(cf)
		known := func(other sputnik.BlockDescriptor) bool { return other.Responsibility == conf.To }
		if err == nil && !slices.ContainsFunc(set.blocks, known) {
			err = &sputnik.ConfError{Name: b.Name, Key: "to", Err: fmt.Errorf("no block is responsible for %q", conf.To)}
		}
		return err
	case nats.ProducerName:
		_, err := nats.ReadProducerConf(cf)
		return err
	}
	return nil
}

// isUsage tells whether err is about the configuration, and adds where a value that a block refused comes from.
func (a *app) isUsage(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		usage := false
		for _, e := range joined.Unwrap() {
			usage = a.isUsage(e) || usage
		}
		_, setUp := err.(*sputnik.SetupError) //nolint:errorlint // as above
		return usage || setUp
	}
	ce, ok := err.(*sputnik.ConfError) //nolint:errorlint // as above
	if !ok {
		inner := errors.Unwrap(err)
		return inner != nil && a.isUsage(inner)
	}
	if ce.Source == "" {
		ce.Source = a.source(ce)
	}
	return true
}

// source is the last layer that has a say on a key: the environment, the folder, or what is built in.
func (a *app) source(ce *sputnik.ConfError) string {
	name := strings.NewReplacer(".", "_", "-", "_").Replace(ce.Name + "_" + ce.Key)
	variable := envPrefix + "_" + strings.ToUpper(name)
	if slices.ContainsFunc(a.environ, func(e string) bool {
		return strings.HasPrefix(e, variable+"=") || strings.HasPrefix(e, variable+"_FILE=")
	}) {
		return variable
	}
	if files, err := filepath.Glob(filepath.Join(a.opts.conf, ce.Name+".*")); a.opts.conf != "" && err == nil && len(files) > 0 {
		return files[0]
	}
	return fmt.Sprintf("built-in %s.yaml", ce.Name)
}
