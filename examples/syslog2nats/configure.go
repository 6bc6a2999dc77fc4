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
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/syslog"
)

//go:embed conf
var builtIn embed.FS

const envPrefix = "S2N"

// configure reads and checks everything that is configured, before anything listens.
func (a *app) configure() (settings, error) {
	var set settings
	defaults, err := fs.Sub(builtIn, "conf")
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
	faults := set.checkFiles(a.opts.conf)
	set.nats, err = nats.ReadConf(set.cf)
	faults = append(faults, err)
	factories := a.factories()
	for _, b := range set.blocks {
		if factories[b.Name] == nil {
			err := fmt.Errorf("there is no block %q", b.Name)
			faults = append(faults, &sputnik.ConfError{Name: "blocks", Key: "blocks", Err: err})
		}
		faults = append(faults, set.check(b))
	}
	set.warnOfVariables(a.environ, a.log)
	return set, errors.Join(faults...)
}

// check reads what the block will read, before anything listens.
func (set settings) check(b sputnik.BlockDescriptor) error {
	cf := sputnik.ConfFor(set.cf, b)
	switch b.Name {
	case syslog.Name:
		conf, err := syslog.ReadConf(cf)
		if err == nil {
			err = set.checkReceiver(b, conf.To)
		}
		return err
	case nats.ProducerName:
		_, err := nats.ReadProducerConf(cf)
		return err
	}
	return nil
}

// checkReceiver wants a block that takes messages, listed before b: then it is finished after b.
func (set settings) checkReceiver(b sputnik.BlockDescriptor, to string) error {
	receiver := slices.IndexFunc(set.blocks, func(other sputnik.BlockDescriptor) bool { return other.Responsibility == to })
	var err error
	switch {
	case receiver < 0:
		err = fmt.Errorf("no block is responsible for %q", to)
	case set.blocks[receiver].Name != nats.ProducerName:
		err = fmt.Errorf("%q takes no messages, want a %s", to, nats.ProducerName)
	case receiver > slices.Index(set.blocks, b):
		err = fmt.Errorf("%q has to be listed before %q, so that it is finished after it", to, b.Responsibility)
	default:
		return nil
	}
	return &sputnik.ConfError{Name: b.Name, Key: "to", Err: err}
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
	variable := variable(ce.Name, ce.Key)
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
