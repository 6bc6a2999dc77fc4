package sputnik

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sputnik-go/sputnik/internal/conf"
)

// ConfSources says where configuration comes from. The layers, later wins:
// what the result already holds, Defaults, Path, Environ.
//
// Mappings are merged key by key; lists and all other values are replaced as
// a whole. A key whose value is null counts as left out.
type ConfSources struct {
	// Defaults holds files <name>.json, .yaml, .yml or .toml in its root,
	// usually an embed.FS (by fs.Sub, if the files are embedded with their folder).
	Defaults fs.FS

	// Path names a folder of such files, or one such file that has a section
	// for each block. It is read afresh by each call of the factory.
	Path string

	// Environ holds "KEY=value" lines, usually os.Environ(). Nil: no environment layer.
	//
	// The variable for a field is computed from the name of the block and the
	// field's key: block "syslog", key "max_conn" is SYSLOG_MAX_CONN, nested keys
	// are joined by "_". The same with _FILE names a file that holds the value,
	// its trailing line ends are dropped; where a field's own variable ends in
	// _FILE (key "cert_file" beside "cert"), it belongs to that field.
	// Lists are separated by commas, integers are decimal, an empty variable
	// counts as unset. Characters other than letters and digits become "_". Maps
	// and lists of structs can't be given by variables, nor can anything if the
	// result is a map. A variable that stands for no field is ignored.
	Environ []string

	// EnvPrefix begins every variable: "S2N" makes S2N_SYSLOG_MAX_CONN. It keeps
	// clear of variables that others set, as Kubernetes does for each Service.
	EnvPrefix string
}

// ConfError is one fault in the configuration. It never matches
// [fs.ErrNotExist] unless nothing at all is configured under Name, or, from
// [NewConfFactory], Path itself does not exist.
type ConfError struct {
	Name   string // configuration asked for, usually the name of a block
	Source string // file or environment variable, "" if the fault has no single place
	Key    string // key in that configuration, as in "tls.certs[2].name"
	Err    error
}

// Error says where the fault is, from the outside in, then what it is, as in
//
//	conf/syslog.yaml: block "syslog": key "max_conn": want an integer, got text
func (e *ConfError) Error() string { return (*conf.Error)(e).Error() }

// Unwrap returns the cause.
func (e *ConfError) Unwrap() error { return e.Err }

func joinConfErrors(faults []*conf.Error) error {
	errs := make([]error, 0, len(faults))
	for _, fault := range faults {
		errs = append(errs, (*ConfError)(fault))
	}
	return errors.Join(errs...)
}

// NewConfFactory returns a factory that reads the given sources. It fails if
// Path doesn't exist, can't be read or has a type that nobody can parse, and
// if two files configure one block.
//
// The factory fills a non-nil pointer to a struct or a map. Fields are matched
// by their tag `koanf:"max_conn"`, else by their name, in any case; embedded
// structs and fields tagged `koanf:",squash"` belong to the struct around
// them. A [time.Duration] is written with its unit ("5s"), types with
// UnmarshalText are written as text. Nothing else is converted: 1.0 is no
// integer, 8080 no text. Map keys are kept as they are written. What a
// pre-filled pointer, map or slice refers to is replaced, never written
// through. Nothing is written if an error is returned.
//
// Each fault, an unknown key included, is a [*ConfError]; those of one call
// are joined. If nothing is configured under the name, the error wraps
// [fs.ErrNotExist]. The factory may be called concurrently.
func NewConfFactory(src ConfSources) (ConfFactory, error) {
	reader, faults := conf.New(src.Defaults, src.Path, src.Environ, src.EnvPrefix)
	if len(faults) > 0 {
		return nil, joinConfErrors(faults)
	}
	return func(name string, result any) error { return joinConfErrors(reader.Read(name, result)) }, nil
}

// AppBlocks reads the list of blocks to run from the configuration "blocks":
// a file blocks.yaml with `blocks: [{name: x, responsibility: y}]`, or the
// section `blocks` of a single file. A responsibility left out is the name.
// An empty list and an entry without a name are errors.
func AppBlocks(cf ConfFactory) ([]BlockDescriptor, error) {
	list, fault, err := conf.List(cf)
	if fault != nil {
		return nil, (*ConfError)(fault)
	}
	var blocks []BlockDescriptor
	for _, b := range list {
		blocks = append(blocks, BlockDescriptor(b))
	}
	return blocks, err
}

// ConfFor returns cf as the Init of block d gets it: what is configured under
// its Responsibility is laid over what is configured under its Name. Use it to
// check a block's configuration before Prepare.
func ConfFor(cf ConfFactory, d BlockDescriptor) ConfFactory {
	return func(name string, result any) error {
		err := cf(name, result)
		absent := errors.Is(err, fs.ErrNotExist)
		if name != d.Name || d.Responsibility == "" || d.Responsibility == d.Name || err != nil && !absent {
			return err
		}
		over := cf(d.Responsibility, result)
		_, own := errors.AsType[*ConfError](over)
		switch {
		case errors.Is(over, fs.ErrNotExist), errors.Is(over, conf.ErrName): // a responsibility may be any text
			return err
		case over == nil, own:
			return over
		}
		return fmt.Errorf("configuration for responsibility %q of block %q: %w "+
			`(a ConfFactory says "nothing configured" by an error that wraps fs.ErrNotExist)`, d.Responsibility, d.Name, over)
	}
}
