package sputnik

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"sync"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
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
	// counts as unset. Maps and lists of structs can't be given by variables,
	// nor can anything if the result is a map.
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

// Error says where the fault is, from the outside in, then what it is.
func (e *ConfError) Error() string {
	text := e.Err.Error()
	if e.Key != "" {
		text = fmt.Sprintf("key %q: %s", e.Key, text)
	}
	if e.Name != "" {
		text = fmt.Sprintf("block %q: %s", e.Name, text)
	}
	if e.Source != "" {
		text = e.Source + ": " + text
	}
	return text
}

// Unwrap returns the cause.
func (e *ConfError) Unwrap() error { return e.Err }

// fault makes the error for something that is there and wrong. A cause that
// is itself a missing file (a dangling link, a secret) must not pass for
// "nothing configured": it keeps its words only.
func fault(name, source, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New(err.Error())
	}
	return &ConfError{Name: name, Source: source, Key: key, Err: err}
}

// errConfName is the cause for names that can't have a configuration.
var errConfName = errors.New("no name for a configuration: empty, begins with a dot, or contains a path separator")

const confBlocks = "blocks"

// NewConfFactory returns a factory that reads the given sources. It fails if
// Path can't be read or has a type that nobody can parse, and if two files
// configure one block.
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
	r := &confReader{prefix: src.EnvPrefix, claims: map[string]string{}}
	if src.Environ != nil {
		r.environ = environMap(src.Environ)
	}
	if src.Defaults != nil {
		r.places = append(r.places, confPlace{fsys: src.Defaults, label: "Defaults"})
	}
	if src.Path != "" {
		place, err := placeAt(src.Path)
		if err != nil {
			return nil, &ConfError{Source: src.Path, Err: err}
		}
		r.places = append(r.places, place)
	}
	for _, place := range r.places {
		if err := place.check(); err != nil {
			return nil, err
		}
	}
	return r.read, nil
}

// AppBlocks reads the list of blocks to run from the configuration "blocks":
// a file blocks.yaml with `blocks: [{name: x, responsibility: y}]`, or the
// section `blocks` of a single file. A responsibility left out is the name.
// An empty list and an entry without a name are errors.
func AppBlocks(cf ConfFactory) ([]BlockDescriptor, error) {
	var conf struct {
		Blocks []struct{ Name, Responsibility string }
	}
	if err := cf(confBlocks, &conf); err != nil {
		return nil, err
	}
	if len(conf.Blocks) == 0 {
		return nil, fault(confBlocks, "", confBlocks, errors.New("lists no block"))
	}
	blocks := make([]BlockDescriptor, 0, len(conf.Blocks))
	for i, b := range conf.Blocks {
		if b.Name == "" {
			return nil, fault(confBlocks, "", fmt.Sprintf("%s[%d].name", confBlocks, i), errors.New("is empty"))
		}
		blocks = append(blocks, BlockDescriptor{b.Name, cmp.Or(b.Responsibility, b.Name)})
	}
	return blocks, nil
}

type confReader struct {
	places  []confPlace
	environ map[string]string // nil: no environment layer
	prefix  string

	mu     sync.Mutex
	claims map[string]string // what each variable that is set was read for
}

// confLayer is what one file or one variable says about one name.
type confLayer struct {
	source string
	data   map[string]any
	hint   string // added to this layer's faults
}

// read is the ConfFactory.
func (r *confReader) read(name string, result any) error {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\\\x00") {
		return fault(name, "", "", errConfName)
	}
	pointer := reflect.ValueOf(result)
	target := reflect.Indirect(pointer)
	if pointer.Kind() != reflect.Pointer || target.Kind() != reflect.Struct && target.Kind() != reflect.Map {
		return fault(name, "", "", fmt.Errorf("the result must be a non-nil pointer to a struct or map, not %T", result))
	}
	layers, errs := r.layers(name, target.Type())
	if len(layers)+len(errs) == 0 {
		return r.absent(name)
	}
	// Keys that hold the delimiter stay whole, as only the root is unmarshalled.
	k := koanf.New(".")
	for _, layer := range layers {
		// Each layer is checked on its own: a fault then has its place, also
		// where a later layer would hide it.
		f := confFitter{name: name, layer: layer}
		data, _ := f.fitKeys(target.Type(), layer.data, "").(map[string]any)
		errs = append(errs, f.errs...)
		if err := k.Load(confmap.Provider(data, ""), nil); err != nil {
			errs = append(errs, fault(name, layer.source, "", err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	decoded := reflect.New(target.Type())
	if err := k.UnmarshalWithConf("", decoded.Interface(), decoding()); err != nil {
		return fault(name, "", "", err)
	}
	assignConf(target, decoded.Elem(), k.Raw())
	return nil
}

func (r *confReader) layers(name string, t reflect.Type) (layers []confLayer, errs []error) {
	for _, place := range r.places {
		layer, err := place.layer(name)
		if err != nil {
			errs = append(errs, err)
		} else if layer.data != nil {
			layers = append(layers, layer)
		}
	}
	if r.environ == nil || t.Kind() != reflect.Struct {
		return layers, errs
	}
	env, envErrs := r.envLayers(name, t)
	return append(layers, env...), append(errs, envErrs...)
}

func (r *confReader) absent(name string) error {
	var looked []string
	for _, place := range r.places {
		looked = append(looked, place.label)
	}
	if r.environ != nil {
		looked = append(looked, "variables "+envName(r.prefix, name)+"_*")
	}
	return &ConfError{Name: name, Err: fmt.Errorf("nothing configured, looked in: %s: %w", strings.Join(looked, ", "), fs.ErrNotExist)}
}
