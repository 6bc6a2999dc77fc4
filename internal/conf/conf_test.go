package conf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestConfErrorNamesFileBlockAndKey(t *testing.T) {
	dir := confDir(t, "syslog.yaml", "max_conn: x\ntls: {crt: y}")
	err := mustReader(t, sources{Path: dir})("syslog", &confAll{})
	file := filepath.Join(dir, "syslog.yaml")
	require.EqualError(t, err, file+`: block "syslog": key "max_conn": want an integer, got text`+"\n"+
		file+`: block "syslog": key "tls.crt": unknown key, did you mean "cert"?`)
}

func TestConfLaterLayerWins(t *testing.T) {
	defaults := fstest.MapFS{"b.json": {Data: []byte(
		`{"MAX_CONN": 1, "kname": "default", "plain": "default", "ratio": 1, "urls": ["a","b"],
		  "tls": {"Cert": "default", "key": "default"}, "labels": {"a": "1", "b": "1"}, "map": {"x": {"y": 1}}}`)}}
	dir := confDir(t, "b.toml", "kName = \"file\"\nPlain = \"file\"\nurls = [\"c\"]\n"+
		"[tls]\ncert = \"file\"\n[labels]\nb = \"2\"\nc = \"2\"\n[map.x]\nz = 2")
	cf := mustReader(t, sources{Defaults: defaults, Path: dir, Environ: []string{"B_PLAIN=env", "B_TLS_CERT=env", "B_MAX_CONN="}})
	got := confAll{I8: 7, MaxConn: 7, Labels: map[string]string{"z": "0", "a": "0"}}
	require.NoError(t, cf("b", &got))
	require.Equal(t, confAll{
		I8: 7, MaxConn: 1, KName: "file", Plain: "env", Ratio: 1, Urls: []string{"c"},
		TLS:    confTLS{Cert: "env", Key: "default"},
		Labels: map[string]string{"z": "0", "a": "1", "b": "2", "c": "2"},
		Map:    map[string]any{"x": map[string]any{"y": int64(1), "z": int64(2)}},
	}, got)
}

func TestConfNullCountsAsLeftOut(t *testing.T) {
	cf := mustReader(t, sources{
		Defaults: fstest.MapFS{"b.yaml": {Data: []byte("plain: default\ntls: {cert: c}")}},
		Path:     confDir(t, "b.yaml", "plain:\ntls: ~\nkname: null"),
	})
	got := confAll{KName: "kept"}
	require.NoError(t, cf("b", &got))
	require.Equal(t, confAll{KName: "kept", Plain: "default", TLS: confTLS{Cert: "c"}}, got)
}

func TestConfFaultInOverlaidLayerIsReported(t *testing.T) {
	cf := mustReader(t, sources{
		Defaults: fstest.MapFS{"b.yaml": {Data: []byte("max_conn: x")}},
		Path:     confDir(t, "b.yaml", "max_conn: 1"),
	})
	require.ErrorContains(t, cf("b", &confAll{}), "Defaults/b.yaml")
}

func TestConfAbsent(t *testing.T) {
	dir := confDir(t, "other.yaml", "on: true")
	cf := mustReader(t, sources{Defaults: fstest.MapFS{}, Path: dir, Environ: []string{"OTHER_ON=1"}, EnvPrefix: "s2n_"})
	err := cf("my-block", &confAll{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, `block "my-block": nothing configured, looked in: Defaults, `+dir+", variables S2N_MY_BLOCK_*")
	_, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.ErrorIs(t, mustReader(t, sources{})("b", &confAll{}), fs.ErrNotExist)
}

func TestConfRefusesNamesAndResults(t *testing.T) {
	cf := mustReader(t, sources{Path: confDir(t, "b.yaml", "")})
	for _, name := range []string{"", ".", "..", ".b", "../b", "a/b", `a\b`, "a\x00b", "/etc/passwd"} {
		err := cf(name, &confAll{})
		require.ErrorIs(t, err, ErrName, "%q", name)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	number, nilStruct, nilMap, pointer := 1, (*confAll)(nil), (*map[string]any)(nil), new(confAll)
	for _, result := range []any{nil, confAll{}, map[string]any{}, 1, &number, nilStruct, nilMap, &pointer, &[]string{}, func() {}} {
		require.ErrorContains(t, cf("b", result), "non-nil pointer to a struct or map", "%T", result)
	}
}

func TestConfSourcesAreCheckedAtOnce(t *testing.T) {
	for want, src := range map[string]sources{
		"configured twice: nats.json and nats.yaml":    {Path: confDir(t, "nats.yaml", "", "nats.json", "")},
		"Defaults: block \"a\": configured twice":      {Defaults: fstest.MapFS{"a.yml": {}, "a.toml": {}}},
		"nowhere: can't be read: no such file":         {Path: filepath.Join(t.TempDir(), "nowhere")},
		"neither a folder nor a file of type json, ya": {Path: filepath.Join(confDir(t, "conf.ini", ""), "conf.ini")},
		"line 1": {Path: filepath.Join(confDir(t, "conf.yaml", "a: ["), "conf.yaml")},
	} {
		cf, err := newReader(src)
		require.ErrorContains(t, err, want)
		require.Nil(t, cf)
		_, ok := errors.AsType[*Error](err)
		require.True(t, ok)
	}
	_, err := newReader(sources{Defaults: failingFS{}})
	require.ErrorContains(t, err, "disk on fire")
}

type failingFS struct{}

func (failingFS) Open(string) (fs.File, error) { return nil, errors.New("disk on fire") }

func TestConfReadsAfresh(t *testing.T) {
	dir := confDir(t, "b.yaml", "plain: old\nkname: old")
	cf := mustReader(t, sources{Path: dir})
	require.NoError(t, cf("b", &confAll{}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.yaml"), []byte("plain: new"), 0o600))
	var got confAll
	require.NoError(t, cf("b", &got))
	require.Equal(t, confAll{Plain: "new"}, got)
}

func TestConfConcurrentUse(t *testing.T) {
	dir := confDir(t, "b.yaml", "plain: file\nlabels: {a: b}")
	cf := mustReader(t, sources{Path: dir, Environ: []string{"B_KNAME=env"}})
	shared := map[string]string{"x": "y"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				got := confAll{Labels: shared}
				if err := cf("b", &got); err != nil || got.Plain != "file" || got.KName != "env" || len(got.Labels) != 2 {
					t.Errorf("%v, %+v", err, got)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, shared, 1)
}

func FuzzConfDecode(f *testing.F) {
	exts := []string{"json", "yaml", "yml", "toml"}
	f.Add([]byte("max_conn: 1\ntls: {cert: a}\nlabels: {a.b: c}\nlimits: {x: {key: 1}}"), uint8(1))
	f.Add([]byte(`{"max_conn": 1.9, "peers": [{"cert": "a"}], "pair": [1,2], "map": {"a": [null]}}`), uint8(0))
	f.Add([]byte("when = 2026-11-20\nwait = '5s'\n[any]\na = 07:32:00\n[[peers]]"), uint8(3))
	f.Add([]byte("a: &a [*a]\n<<: {b: 1}\n? [x]\n: .nan\n!!binary x: ~"), uint8(1))
	f.Add([]byte("&a {on: true, next: *a}"), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, ext uint8) {
		var free map[string]any
		for _, result := range []any{&confAll{}, &confAll{TLSPtr: &confTLS{}, Pair: [2]int{1, 2}, Any: &confTLS{}, Next: &confAll{}}, &free} {
			err := readOne(exts[int(ext)%len(exts)], string(text), result)
			if err != nil {
				_, ok := errors.AsType[*Error](err)
				require.True(t, ok, "%T", err)
				require.NotErrorIs(t, err, fs.ErrNotExist)
			}
		}
	})
}
