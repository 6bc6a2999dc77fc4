package sputnik

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// confDir writes one file into a new folder.
func confDir(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	return dir
}

func confFactory(t *testing.T, src ConfSources) ConfFactory {
	t.Helper()
	cf, err := NewConfFactory(src)
	require.NoError(t, err)
	return cf
}

type confExample struct {
	Plain   string
	MaxConn int `koanf:"max_conn"`
	Urls    []string
	Map     map[string]any
}

func TestConfLaterSourceWins(t *testing.T) {
	defaults := fstest.MapFS{"b.yaml": {Data: []byte("plain: default\nmax_conn: 1\nurls: [default]")}}
	dir := confDir(t, "b.json", `{"plain": "file", "max_conn": 2}`)
	got := confExample{Plain: "code", Map: map[string]any{"kept": true}}
	src := ConfSources{Defaults: defaults, Path: dir, Environ: []string{"S2N_B_MAX_CONN=3"}, EnvPrefix: "S2N"}
	require.NoError(t, confFactory(t, src)("b", &got))
	require.Equal(t, confExample{Plain: "file", MaxConn: 3, Urls: []string{"default"}, Map: map[string]any{"kept": true}}, got)
}

func TestConfErrorNamesFileBlockAndKey(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("conf", 0o700))
	require.NoError(t, os.WriteFile("conf/syslog.yaml", []byte("max_conn: x\nmap: {}\nurl: []"), 0o600))
	var got confExample
	err := confFactory(t, ConfSources{Path: "conf"})("syslog", &got)
	require.EqualError(t, err, `conf/syslog.yaml: block "syslog": key "max_conn": want an integer, got text`+"\n"+
		`conf/syslog.yaml: block "syslog": key "url": unknown key, did you mean "Urls"?`)
	confErr, ok := errors.AsType[*ConfError](err)
	require.True(t, ok)
	require.Equal(t, ConfError{Name: "syslog", Source: "conf/syslog.yaml", Key: "max_conn", Err: confErr.Err}, *confErr)
	require.EqualError(t, errors.Unwrap(confErr), "want an integer, got text")
	require.NotErrorIs(t, err, fs.ErrNotExist)
	require.Zero(t, got, "the result is touched")
}

func TestConfAbsentWrapsErrNotExist(t *testing.T) {
	err := confFactory(t, ConfSources{Defaults: fstest.MapFS{}})("b", &confExample{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, ok := errors.AsType[*ConfError](err)
	require.True(t, ok)
}

func TestConfPathMustExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nowhere")
	cf, err := NewConfFactory(ConfSources{Path: path})
	require.ErrorContains(t, err, path+": can't be read: ")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Nil(t, cf)
	_, ok := errors.AsType[*ConfError](err)
	require.True(t, ok)
}

func TestConfTwoFilesForOneBlock(t *testing.T) {
	_, err := NewConfFactory(ConfSources{Defaults: fstest.MapFS{"nats.yaml": {}, "nats.json": {}}})
	require.EqualError(t, err, `Defaults: block "nats": configured twice: nats.json and nats.yaml`)
}

func TestAppBlocks(t *testing.T) {
	tests := []struct {
		name, text, want string
		blocks           []BlockDescriptor
	}{
		{name: "list", text: "blocks: [{name: a}, {Name: b, responsibility: c}]", blocks: []BlockDescriptor{{"a", "a"}, {"b", "c"}}},
		{name: "empty list", text: "blocks: []", want: "lists no block"},
		{name: "empty file", text: "", want: "lists no block"},
		{name: "no name", text: "blocks: [{name: a}, {responsibility: b}]", want: `key "blocks[1].name": is empty`},
		{name: "unknown key", text: "blocks: [{nam: a}]", want: `did you mean "Name"?`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blocks, err := AppBlocks(confFactory(t, ConfSources{Path: confDir(t, "blocks.yaml", tt.text)}))
			require.Equal(t, tt.blocks, blocks)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
	_, err := AppBlocks(confFactory(t, ConfSources{}))
	require.ErrorIs(t, err, fs.ErrNotExist)

	file := filepath.Join(confDir(t, "conf.yaml", "nats: {}\nblocks: [{name: nats}]"), "conf.yaml")
	blocks, err := AppBlocks(confFactory(t, ConfSources{Path: file}))
	require.NoError(t, err)
	require.Equal(t, []BlockDescriptor{{"nats", "nats"}}, blocks, "the section of a single file")
}

func TestConfForLaysResponsibilityOverName(t *testing.T) {
	files := fstest.MapFS{
		"nats.yaml":    {Data: []byte("plain: name\nmax_conn: 1\nurls: [a, b]\nmap: {x: {a: 1}}")},
		"nats-eu.yaml": {Data: []byte("plain: resp\nurls: [c]\nmap: {x: {b: 2}}")},
		"only.yaml":    {Data: []byte("plain: only")},
		"broken.yaml":  {Data: []byte("plain: [")},
	}
	cf := confFactory(t, ConfSources{Defaults: files})
	x := func(m map[string]any) map[string]any { return map[string]any{"x": m} }
	name := confExample{Plain: "name", MaxConn: 1, Urls: []string{"a", "b"}, Map: x(map[string]any{"a": 1})}
	both := confExample{Plain: "resp", MaxConn: 1, Urls: []string{"c"}, Map: x(map[string]any{"a": 1, "b": 2})}
	tests := []struct {
		d    BlockDescriptor
		ask  string
		want confExample
		err  string
	}{
		{BlockDescriptor{"nats", "nats-eu"}, "nats", both, ""},
		{BlockDescriptor{"nats", "nats"}, "nats", name, ""},
		{BlockDescriptor{"nats", ""}, "nats", name, ""},
		{BlockDescriptor{"nats", "absent"}, "nats", name, ""},
		{BlockDescriptor{"nats", "tcp://a/b"}, "nats", name, ""},
		{BlockDescriptor{"absent", "only"}, "absent", confExample{Plain: "only"}, ""},
		{BlockDescriptor{"nats", "nats-eu"}, "only", confExample{Plain: "only"}, ""},
		{BlockDescriptor{"absent", "nowhere"}, "absent", confExample{}, `block "absent"`},
		{BlockDescriptor{"broken", "nats"}, "broken", confExample{}, "Defaults/broken.yaml"},
		{BlockDescriptor{"only", "broken"}, "only", confExample{Plain: "only"}, "Defaults/broken.yaml"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.d, tt.ask), func(t *testing.T) {
			var got confExample
			err := ConfFor(cf, tt.d)(tt.ask, &got)
			require.Equal(t, tt.want, got)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
				require.NotContains(t, err.Error(), "a ConfFactory says")
			}
		})
	}
}

func TestConfForHintsAtErrNotExist(t *testing.T) {
	cause := errors.New("not found")
	foreign := func(name string, _ any) error {
		if name == "nats" {
			return nil
		}
		return cause
	}
	err := ConfFor(foreign, BlockDescriptor{"nats", "eu"})("nats", &confExample{})
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, `responsibility "eu" of block "nats"`)
	require.ErrorContains(t, err, "wraps fs.ErrNotExist")
}
