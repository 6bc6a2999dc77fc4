package sputnik

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// confDir writes files into a new folder. Arguments alternate: name, content.
func confDir(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600))
	}
	return dir
}

func confFactory(t *testing.T, src ConfSources) ConfFactory {
	t.Helper()
	cf, err := NewConfFactory(src)
	require.NoError(t, err)
	return cf
}

// readOne decodes one file's text into result.
func readOne(ext, text string, result any) error {
	cf, err := NewConfFactory(ConfSources{Defaults: fstest.MapFS{"b." + ext: {Data: []byte(text)}}})
	if err != nil {
		return err
	}
	return cf("b", result)
}

type confBase struct {
	Region string `koanf:"region"`
}

type confTLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

type uuidLike [2]byte

func (u *uuidLike) UnmarshalText(text []byte) error {
	if len(text) != 2 {
		return errors.New("want two characters")
	}
	copy(u[:], text)
	return nil
}

type confAll struct {
	confBase
	Extra   confLimits `koanf:",squash"`
	MaxConn int        `koanf:"max_conn"`
	KName   string     `koanf:"kName"`
	Plain   string
	Ratio   float64       `koanf:"ratio"`
	On      bool          `koanf:"on"`
	Wait    time.Duration `koanf:"wait"`
	WaitPtr *time.Duration
	Urls    []string          `koanf:"urls"`
	Waits   []time.Duration   `koanf:"waits"`
	TLS     confTLS           `koanf:"tls"`
	TLSPtr  *confTLS          `koanf:"tls_ptr"`
	Peers   []confTLS         `koanf:"peers"`
	Labels  map[string]string `koanf:"labels"`
	Limits  map[string]confTLS
	Any     any        `koanf:"any"`
	Addr    netip.Addr `koanf:"addr"`
	IP      net.IP     `koanf:"ip"`
	IPs     []net.IP   `koanf:"ips"`
	Level   slog.Level `koanf:"level"`
	Big     *big.Int   `koanf:"big"`
	When    time.Time  `koanf:"when"`
	ID      uuidLike   `koanf:"id"`
	Pair    [2]int     `koanf:"pair"`
	Hosts   map[netip.Addr]int
	I8      int8           `koanf:"i8"`
	U8      uint8          `koanf:"u8"`
	I64     int64          `koanf:"i64"`
	U64     uint64         `koanf:"u64"`
	F32     float32        `koanf:"f32"`
	Ignored string         `koanf:"-"`
	Func    func()         `koanf:"func"`
	Next    *confAll       `koanf:"next"`
	Map     map[string]any `koanf:"map"`
	hidden  string
}

type confLimits struct{ Burst, Rate int }

func TestConfReadsAllFormatsAlike(t *testing.T) {
	files := map[string]string{
		"yaml": `
region: eu
BURST: 3
max_conn: 9007199254740993
kname: k
plain: p
ratio: 2
on: true
wait: 5s
waitptr: 0s
urls: [a, b]
waits: [1s, "0"]
tls: {cert: c}
tls_ptr: {key: k}
peers: [{cert: x}, {key: y}]
labels: {Team.A: x, team.a: y, Max_Conn: z}
limits: {X: {Cert: q}}
any: {Deep: [1]}
addr: 10.0.0.1
ip: 10.0.0.2
level: WARN
big: "123456789012345678901234567890"
when: 2026-11-20T10:00:00Z
id: ab
pair: [1, 2]
hosts: {10.0.0.3: 7}
f32: 0.1
u64: 18446744073709551615
`,
		"json": `{"region":"eu","BURST":3,"max_conn":9007199254740993,"kname":"k","plain":"p","ratio":2,"on":true,
"wait":"5s","waitptr":"0s","urls":["a","b"],"waits":["1s","0"],"tls":{"cert":"c"},"tls_ptr":{"key":"k"},
"peers":[{"cert":"x"},{"key":"y"}],"labels":{"Team.A":"x","team.a":"y","Max_Conn":"z"},"limits":{"X":{"Cert":"q"}},
"any":{"Deep":[1]},"addr":"10.0.0.1","ip":"10.0.0.2","level":"WARN","big":"123456789012345678901234567890",
"when":"2026-11-20T10:00:00Z","id":"ab","pair":[1,2],"hosts":{"10.0.0.3":7},"f32":0.1,"u64":18446744073709551615}`,
		"toml": `
region = "eu"
BURST = 3
max_conn = 9007199254740993
kname = "k"
plain = "p"
ratio = 2
on = true
wait = "5s"
waitptr = "0s"
urls = ["a", "b"]
waits = ["1s", "0"]
tls.cert = "c"
addr = "10.0.0.1"
ip = "10.0.0.2"
level = "WARN"
big = "123456789012345678901234567890"
when = 2026-11-20T10:00:00Z
id = "ab"
pair = [1, 2]
hosts = {"10.0.0.3" = 7}
f32 = 0.1
[tls_ptr]
key = "k"
[[peers]]
cert = "x"
[[peers]]
key = "y"
[labels]
"Team.A" = "x"
"team.a" = "y"
Max_Conn = "z"
[limits.X]
Cert = "q"
[any]
Deep = [1]
`,
	}
	for ext, text := range files {
		t.Run(ext, func(t *testing.T) {
			var got confAll
			require.NoError(t, readOne(ext, text, &got))
			zero, ten := time.Duration(0), new(big.Int)
			ten.SetString("123456789012345678901234567890", 10)
			require.True(t, got.When.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)))
			got.When = time.Time{}
			require.Contains(t, fmt.Sprint(got.Any), "Deep:[1]")
			got.Any = nil
			want := confAll{
				confBase: confBase{"eu"}, Extra: confLimits{Burst: 3}, MaxConn: 9007199254740993, KName: "k", Plain: "p",
				Ratio: 2, On: true, Wait: 5 * time.Second, WaitPtr: &zero, Urls: []string{"a", "b"},
				Waits: []time.Duration{time.Second, 0}, TLS: confTLS{Cert: "c"}, TLSPtr: &confTLS{Key: "k"},
				Peers:  []confTLS{{Cert: "x"}, {Key: "y"}},
				Labels: map[string]string{"Team.A": "x", "team.a": "y", "Max_Conn": "z"},
				Limits: map[string]confTLS{"X": {Cert: "q"}},
				Addr:   netip.MustParseAddr("10.0.0.1"), IP: net.ParseIP("10.0.0.2"), Level: slog.LevelWarn, Big: ten,
				ID: uuidLike{'a', 'b'}, Pair: [2]int{1, 2}, Hosts: map[netip.Addr]int{netip.MustParseAddr("10.0.0.3"): 7},
				F32: 0.1, U64: math.MaxUint64,
			}
			if ext == "toml" {
				want.U64 = 0 // TOML's integers end at 2^63
			}
			require.Equal(t, want, got)
			require.Empty(t, got.hidden)
		})
	}
}

func TestConfRefuses(t *testing.T) {
	tests := []struct{ name, ext, text, key, want string }{
		{"unknown key", "yaml", "maxconn: 1", "maxconn", `unknown key, did you mean "max_conn"?`},
		{"unknown key far from all", "yaml", "zzzzzz: 1", "zzzzzz", "unknown key"},
		{"unknown nested key", "yaml", "tls: {crt: a}", "tls.crt", `did you mean "cert"?`},
		{"unknown key in a list", "yaml", "peers: [{cert: a}, {foo: b}]", "peers[1].foo", "unknown key"},
		{"unknown key in a map", "yaml", "limits: {x: {foo: b}}", "Limits[x].foo", "unknown key"},
		{"unknown key of one letter", "yaml", "x: 1", "x", "unknown key"},
		{"ignored field", "yaml", "ignored: 1", "ignored", "unknown key"},
		{"field hidden", "yaml", "hidden: 1", "hidden", "unknown key"},
		{"JSON float into int", "json", `{"max_conn": 1.9}`, "max_conn", "want an integer, got a number"},
		{"JSON whole float into int", "json", `{"max_conn": 1.0}`, "max_conn", "want an integer, got a number"},
		{"YAML float into int", "yaml", "max_conn: 1.0", "max_conn", "want an integer, got a number"},
		{"TOML float into int", "toml", "max_conn = 1.5", "max_conn", "want an integer, got a number"},
		{"text into int", "json", `{"max_conn": "0514"}`, "max_conn", "want an integer, got text"},
		{"text into bool", "json", `{"on": "true"}`, "on", "want true or false, got text"},
		{"int into bool", "json", `{"on": 1}`, "on", "want true or false, got an integer"},
		{"int into text", "yaml", "plain: 8080", "Plain", "want text, got an integer: write it in quotes"},
		{"date into text", "yaml", "plain: 2026-01-01", "Plain", "want text, got a date: write it in quotes"},
		{"local date into time", "toml", "when = 2026-01-01", "when", "want text, got a date"},
		{"mapping into text", "yaml", "plain: {a: b}", "Plain", "want text, got a mapping"},
		{"text into mapping", "yaml", "tls: yes", "tls", "want a mapping, got text"},
		{"text into list", "yaml", "urls: a", "urls", "want a list, got text"},
		{"int in list of text", "yaml", "urls: [a, 1]", "urls[1]", "want text, got an integer"},
		{"null in list", "yaml", "urls: [a, ~]", "urls[1]", "want text, got nothing"},
		{"null in map", "yaml", "labels: {a: }", "labels[a]", "want text, got nothing"},
		{"bare duration", "json", `{"wait": 5}`, "wait", `write "5s"`},
		{"bare zero duration", "yaml", `wait: 0`, "wait", `write "5s"`},
		{"bare number as text", "yaml", `wait: "5"`, "wait", `as in "5s"`},
		{"bare float duration", "toml", `wait = 5.0`, "wait", `write "5s"`},
		{"bare duration behind pointer", "toml", `waitptr = 5`, "WaitPtr", `write "5s"`},
		{"bare duration in list", "toml", `waits = ["1s", 5]`, "waits[1]", `write "5s"`},
		{"int8 overflow", "yaml", "i8: 128", "i8", "128 is out of range for int8"},
		{"int8 underflow", "yaml", "i8: -129", "i8", "out of range"},
		{"uint8 overflow", "toml", "u8 = 256", "u8", "out of range"},
		{"uint negative", "json", `{"u8": -1}`, "u8", "out of range"},
		{"int64 from uint64", "json", `{"i64": 9223372036854775808}`, "i64", "out of range"},
		{"integer beyond 64 bits", "json", `{"u64": 18446744073709551616}`, "u64", "want an integer"},
		{"float32 overflow", "yaml", "f32: 1e300", "f32", "out of range for float32"},
		{"text type fails", "yaml", "id: abc", "id", "want two characters"},
		{"text type from number", "yaml", "level: 4", "level", "want text"},
		{"array too short", "yaml", "pair: [1]", "pair", "want a list of 2, got 1"},
		{"array too long", "yaml", "pair: [1, 2, 3]", "pair", "want a list of 2, got 3"},
		{"bad map key", "yaml", "hosts: {x: 1}", "Hosts[x]", "x"},
		{"func", "yaml", "func: 1", "", "func"},
		{"keys that differ by case", "yaml", "Plain: a\nplain: b", "plain", `is the same key as "Plain"`},
		{"deep keys that differ by case", "json", `{"tls": {"cert": "a", "CERT": "b"}}`, "tls.cert", `is the same key as "CERT"`},
		{"doubled YAML key", "yaml", "plain: a\nplain: b", "", "line 2"},
		{"doubled JSON key", "json", `{"tls": {"cert": "a", "cert": "b"}}`, "", `"cert" is given twice`},
		{"doubled TOML key", "toml", "on = true\non = false", "", "line 2"},
		{"broken YAML", "yaml", "a: 1\nb: [", "", "line 2"},
		{"broken JSON", "json", "{\n\"a\": x}", "", "line 2"},
		{"JSON with a tail", "json", "{}\n{}", "", "line 2"},
		{"broken TOML", "toml", "on = true\n\nx == 1", "", "line 3, column 4"},
		{"YAML list on top", "yaml", "- a", "", "want a mapping"},
		{"YAML text on top", "yaml", "hello", "", "want a mapping"},
		{"JSON list on top", "json", "[]", "", "want a mapping"},
		{"second YAML document", "yaml", "on: true\n---\non: false", "", "more than one document"},
		{"YAML key that is no text", "yaml", "labels: {8080: web}", "", "write it in quotes"},
		{"too deep", "json", `{"map": {"a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`, "", "nested more than 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := confAll{Plain: "kept", Urls: []string{"kept"}}
			err := readOne(tt.ext, tt.text, &got)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.want == "unknown key", strings.HasSuffix(err.Error(), "unknown key"))
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.Equal(t, confAll{Plain: "kept", Urls: []string{"kept"}}, got, "the result is touched")
			confErr, ok := errors.AsType[*ConfError](err)
			require.True(t, ok)
			require.Equal(t, "b", confErr.Name)
			require.Equal(t, tt.key, confErr.Key)
			if tt.name != "func" {
				require.Equal(t, "Defaults/b."+tt.ext, confErr.Source)
			}
		})
	}
}

func TestConfErrorNamesFileBlockAndKey(t *testing.T) {
	dir := confDir(t, "syslog.yaml", "max_conn: x\ntls: {crt: y}")
	err := confFactory(t, ConfSources{Path: dir})("syslog", &confAll{})
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
	cf := confFactory(t, ConfSources{Defaults: defaults, Path: dir, Environ: []string{"B_PLAIN=env", "B_TLS_CERT=env", "B_MAX_CONN="}})
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
	cf := confFactory(t, ConfSources{
		Defaults: fstest.MapFS{"b.yaml": {Data: []byte("plain: default\ntls: {cert: c}")}},
		Path:     confDir(t, "b.yaml", "plain:\ntls: ~\nkname: null"),
	})
	got := confAll{KName: "kept"}
	require.NoError(t, cf("b", &got))
	require.Equal(t, confAll{KName: "kept", Plain: "default", TLS: confTLS{Cert: "c"}}, got)
}

func TestConfFaultInOverlaidLayerIsReported(t *testing.T) {
	cf := confFactory(t, ConfSources{
		Defaults: fstest.MapFS{"b.yaml": {Data: []byte("max_conn: x")}},
		Path:     confDir(t, "b.yaml", "max_conn: 1"),
	})
	require.ErrorContains(t, cf("b", &confAll{}), "Defaults/b.yaml")
}

func TestConfDoesNotWriteThroughWhatTheResultRefersTo(t *testing.T) {
	urls, labels, tls := []string{"x", "y", "z"}, map[string]string{"k": "v"}, &confTLS{Cert: "shared", Key: "shared"}
	limits := map[string]confTLS{"a": {Cert: "shared", Key: "shared"}}
	nested := map[string]any{"in": map[string]any{"a": 1}}
	got := confAll{Urls: urls, Labels: labels, TLSPtr: tls, Limits: limits, Any: tls, Map: nested, Pair: [2]int{8, 9}}
	require.NoError(t, readOne("yaml", "urls: [new]\nlabels: {k: new}\ntls_ptr: {cert: new}\n"+
		"limits: {a: {cert: new}}\nany: {cert: new}\nmap: {in: {b: 2}}\npair: [1, 2]", &got))
	require.Equal(t, confAll{
		Urls: []string{"new"}, Labels: map[string]string{"k": "new"}, TLSPtr: &confTLS{Cert: "new", Key: "shared"},
		Limits: map[string]confTLS{"a": {Cert: "new", Key: "shared"}}, Any: map[string]any{"cert": "new"},
		Map: map[string]any{"in": map[string]any{"a": 1, "b": 2}}, Pair: [2]int{1, 2},
	}, got)
	require.Equal(t, []string{"x", "y", "z"}, urls)
	require.Equal(t, map[string]string{"k": "v"}, labels)
	require.Equal(t, &confTLS{Cert: "shared", Key: "shared"}, tls)
	require.Equal(t, map[string]confTLS{"a": {Cert: "shared", Key: "shared"}}, limits)
	require.Equal(t, map[string]any{"in": map[string]any{"a": 1}}, nested)
}

func TestConfFillsMaps(t *testing.T) {
	var free map[string]any
	require.NoError(t, readOne("yaml", "A.b: 1\na.B: [x]", &free))
	require.Equal(t, map[string]any{"A.b": 1, "a.B": []any{"x"}}, free)

	typed := map[string]confTLS{"a": {Key: "kept"}}
	require.NoError(t, readOne("yaml", "a: {CERT: x}", &typed))
	require.Equal(t, map[string]confTLS{"a": {Cert: "x", Key: "kept"}}, typed)

	require.ErrorContains(t, readOne("yaml", "a: {crt: x}", &typed), `key "[a].crt"`)
	require.ErrorContains(t, readOne("yaml", "a: 1", &map[int]int{}), "want an integer, got text")
}

func TestConfKeepsDatesInFreeForm(t *testing.T) {
	var free map[string]any
	require.NoError(t, readOne("toml", "t = 07:32:00\nd = 2026-01-02\nl = 2026-01-02T07:32:00\n[[x]]\nz = 2026-01-02T07:32:00Z", &free))
	require.Equal(t, "map[d:2026-01-02 l:2026-01-02T07:32:00 t:07:32:00 x:[map[z:2026-01-02 07:32:00 +0000 UTC]]]", fmt.Sprint(free))
	require.NoError(t, readOne("yaml", "y: 2026-01-02\nn: [~, {e: }]", &free))
	require.Equal(t, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), free["y"])
	require.Equal(t, []any{nil, map[string]any{"e": nil}}, free["n"])
}

func TestConfYAMLMarkersOfOneDocument(t *testing.T) {
	for _, text := range []string{"---\non: true", "# note\n%YAML 1.1\n---\non: true\n...\n", "on: true\n---\n# end", "on: true\n# ---", "on: true\nplain: '\n  ---\n  '"} {
		var got confAll
		require.NoError(t, readOne("yaml", text, &got), text)
		require.True(t, got.On)
	}
	for _, text := range []string{"---\non: true\n---\non: false", "on: true\r\n---\r\non: false", "--- {on: true}\n--- {on: false}"} {
		require.ErrorContains(t, readOne("yaml", text, &confAll{}), "more than one document", text)
	}
}

func TestConfEmptyFileIsConfigured(t *testing.T) {
	for ext, text := range map[string]string{"yaml": "# nothing\n", "yml": "", "json": " \n", "toml": "\xef\xbb\xbf# nothing"} {
		require.NoError(t, readOne(ext, text, &confAll{}), ext)
	}
}

func TestConfAbsent(t *testing.T) {
	dir := confDir(t, "other.yaml", "on: true")
	cf := confFactory(t, ConfSources{Defaults: fstest.MapFS{}, Path: dir, Environ: []string{"OTHER_ON=1"}, EnvPrefix: "s2n_"})
	err := cf("my-block", &confAll{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, `block "my-block": nothing configured, looked in: Defaults, `+dir+", variables S2N_MY_BLOCK_*")
	_, ok := errors.AsType[*ConfError](err)
	require.True(t, ok)
	require.ErrorIs(t, confFactory(t, ConfSources{})("b", &confAll{}), fs.ErrNotExist)
}

func TestConfMissingFilesDoNotPassForAbsent(t *testing.T) {
	dir := confDir(t, "b.yaml", "on: true")
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")))
	cf := confFactory(t, ConfSources{Path: dir, Environ: []string{"B_PLAIN_FILE=" + filepath.Join(dir, "secret")}})
	for _, name := range []string{"dangling", "b"} {
		err := cf(name, &confAll{})
		require.ErrorContains(t, err, "no such file")
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NotErrorIs(t, cf("other", &confAll{}), fs.ErrNotExist)
}

func TestConfRefusesNamesAndResults(t *testing.T) {
	cf := confFactory(t, ConfSources{Path: confDir(t, "b.yaml", "")})
	for _, name := range []string{"", ".", "..", ".b", "../b", "a/b", `a\b`, "a\x00b", "/etc/passwd"} {
		err := cf(name, &confAll{})
		require.ErrorIs(t, err, errConfName, "%q", name)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	number, nilStruct, nilMap, pointer := 1, (*confAll)(nil), (*map[string]any)(nil), new(confAll)
	for _, result := range []any{nil, confAll{}, map[string]any{}, 1, &number, nilStruct, nilMap, &pointer, &[]string{}, func() {}} {
		require.ErrorContains(t, cf("b", result), "non-nil pointer to a struct or map", "%T", result)
	}
}

type (
	squashSelf struct {
		*squashSelf `koanf:",squash"`
		A           int
	}
	EmbedSelf  struct{ *EmbedSelf }
	squashText struct {
		S string `koanf:",squash"`
	}
	squashNamed struct {
		confBase `koanf:"base"`
	}
	doubled struct {
		A string `koanf:"x"`
		B string `koanf:"X"`
	}
	shadowed struct {
		confBase
		Region string
	}
	remain struct {
		Rest map[string]any `koanf:",remain"`
	}
	squashHidden struct {
		inner confBase `koanf:",squash"`
	}
	oddKinds struct {
		C chan int
		P **int
		E error
		X complex128
		U uintptr
		M map[[2]int]string
	}
)

func TestConfOddTargetsNeverPanic(t *testing.T) {
	texts := []string{
		"a: 1", "x: 1", "region: eu", "s: x", "squashself: {a: 1}", "EmbedSelf: {EmbedSelf: {}}", "rest: {a: 1}",
		"c: 1", "p: 1", "e: x", "x: 1.5", "u: 1", "m: {a: b}", "{}",
	}
	for _, text := range texts {
		for _, result := range []any{
			&squashSelf{}, &squashSelf{squashSelf: &squashSelf{}}, &EmbedSelf{}, &EmbedSelf{&EmbedSelf{}},
			&squashText{}, &squashNamed{}, &doubled{}, &shadowed{}, &remain{}, &squashHidden{}, &oddKinds{}, &time.Time{}, &big.Int{},
		} {
			require.NotPanics(t, func() { _ = readOne("yaml", text, result) }, "%q into %T", text, result)
		}
	}
	for want, result := range map[string]any{
		"field squashSelf of": &squashSelf{}, "field S of": &squashText{}, "field confBase of": &squashNamed{},
		`have the key "X"`: &doubled{}, `have the key "Region"`: &shadowed{}, "unknown key": &remain{},
	} {
		require.ErrorContains(t, readOne("yaml", "a: 1", result), want)
	}
	require.ErrorContains(t, readOne("yaml", "rest: {a: 1}", &remain{}), "unknown key")
	hidden := squashHidden{inner: confBase{"kept"}}
	require.ErrorContains(t, readOne("yaml", "region: eu", &hidden), "unknown key")
	require.Equal(t, "kept", hidden.inner.Region)
}

func TestConfFolderIsCheckedAtOnce(t *testing.T) {
	for want, src := range map[string]ConfSources{
		"configured twice: nats.json and nats.yaml": {Path: confDir(t, "nats.yaml", "", "nats.json", "")},
		"Defaults: block \"a\": configured twice":   {Defaults: fstest.MapFS{"a.yml": {}, "a.toml": {}}},
		"no such file": {Path: filepath.Join(t.TempDir(), "nowhere")},
		"neither a folder nor a file of type json|ya": {Path: filepath.Join(confDir(t, "conf.ini", ""), "conf.ini")},
		"line 1": {Path: filepath.Join(confDir(t, "conf.yaml", "a: ["), "conf.yaml")},
	} {
		cf, err := NewConfFactory(src)
		require.ErrorContains(t, err, want)
		require.Nil(t, cf)
		_, ok := errors.AsType[*ConfError](err)
		require.True(t, ok)
	}
	_, err := NewConfFactory(ConfSources{Defaults: failingFS{}})
	require.ErrorContains(t, err, "disk on fire")
}

type failingFS struct{}

func (failingFS) Open(string) (fs.File, error) { return nil, errors.New("disk on fire") }

func TestConfDuplicateMadeLaterIsFound(t *testing.T) {
	dir := confDir(t, "nats.yaml", "", "b.yaml", "")
	cf := confFactory(t, ConfSources{Path: dir})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nats.json"), nil, 0o600))
	require.ErrorContains(t, cf("nats", &confAll{}), "nats.json and nats.yaml")
	require.NoError(t, cf("b", &confAll{}))
}

func TestConfReadsAfresh(t *testing.T) {
	dir := confDir(t, "b.yaml", "plain: old\nkname: old")
	cf := confFactory(t, ConfSources{Path: dir})
	require.NoError(t, cf("b", &confAll{}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.yaml"), []byte("plain: new"), 0o600))
	var got confAll
	require.NoError(t, cf("b", &got))
	require.Equal(t, confAll{Plain: "new"}, got)
}

func TestConfReadsKubernetesMount(t *testing.T) {
	dir := confDir(t, "README.md", "no configuration", "noext", "", ".hidden.yaml", "a: [")
	data := filepath.Join(dir, "..2026_11_20")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "sub.yaml"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "b.yaml"), []byte("plain: mounted"), 0o600))
	require.NoError(t, os.Symlink("..2026_11_20", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/b.yaml", filepath.Join(dir, "b.yaml")))
	require.NoError(t, os.Symlink("..data/sub.yaml", filepath.Join(dir, "sub.yaml")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "b.json"), 0o700))
	cf := confFactory(t, ConfSources{Path: dir})
	var got confAll
	require.NoError(t, cf("b", &got))
	require.Equal(t, "mounted", got.Plain)
	require.ErrorIs(t, cf("sub", &got), fs.ErrNotExist)
}

func TestConfSingleFile(t *testing.T) {
	path := filepath.Join(confDir(t, ".conf.yaml", `
syslog: {plain: x}
nats:
list: [1]
text: hello
blocks: [{name: nats}, {name: syslog, responsibility: in}]
`), ".conf.yaml")
	cf := confFactory(t, ConfSources{Path: path})
	var got confAll
	require.NoError(t, cf("syslog", &got))
	require.Equal(t, "x", got.Plain)
	require.NoError(t, cf("nats", &confAll{}), "an empty section is configured")
	require.ErrorIs(t, cf("absent", &got), fs.ErrNotExist)
	require.ErrorContains(t, cf("list", &got), "want a mapping")
	require.ErrorContains(t, cf("text", &got), path+`: block "text": want a mapping`)
	blocks, err := AppBlocks(cf)
	require.NoError(t, err)
	require.Equal(t, []BlockDescriptor{{"nats", "nats"}, {"syslog", "in"}}, blocks)
}

func TestConfEnvironment(t *testing.T) {
	dir := confDir(t, "secret", "s3cret \r\n\n", "port", "4222\n")
	env := map[string]string{
		"MAX_CONN": "0514", "KNAME": "k", "RATIO": "1.5", "ON": "T", "WAIT": "5s", "WAITPTR": "0", "URLS": " a, b ,,",
		"WAITS": "1s,2s", "TLS_CERT_FILE": dir + "/secret", "TLS_PTR_KEY": "k", "ADDR": "10.0.0.1", "IP": "10.0.0.2", "IPS": "10.0.0.3",
		"LEVEL": "WARN", "BIG": "12", "WHEN": "2026-11-20T10:00:00Z", "ID": "ab", "PAIR": "1,2", "I8_FILE": dir + "/port",
		"U64": "18446744073709551615", "F32": "0.5", "REGION": "eu", "BURST": "-3", "ANY": "1",
	}
	delete(env, "I8_FILE")
	env["I64_FILE"] = dir + "/port"
	var environ []string
	for key, value := range env {
		environ = append(environ, "S2N_MY_BLOCK_"+key+"="+value)
	}
	environ = append(environ, "S2N_MY_BLOCK_PLAIN=", "junk", "S2N_MY_BLOCK_NEXT_PLAIN=not followed")
	got, zero := confAll{Plain: "kept"}, time.Duration(0)
	require.NoError(t, confFactory(t, ConfSources{Environ: environ, EnvPrefix: "S2N"})("my-block", &got))
	require.True(t, got.When.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)))
	got.When = time.Time{}
	require.Equal(t, confAll{
		confBase: confBase{"eu"}, Extra: confLimits{Burst: -3}, MaxConn: 514, KName: "k", Ratio: 1.5, On: true, Plain: "kept",
		Wait: 5 * time.Second, WaitPtr: &zero, Urls: []string{"a", "b"}, Waits: []time.Duration{time.Second, 2 * time.Second},
		TLS: confTLS{Cert: "s3cret "}, TLSPtr: &confTLS{Key: "k"}, Addr: netip.MustParseAddr("10.0.0.1"), IP: net.ParseIP("10.0.0.2"),
		IPs: []net.IP{net.ParseIP("10.0.0.3")}, Level: slog.LevelWarn, Big: big.NewInt(12), ID: uuidLike{'a', 'b'}, Pair: [2]int{1, 2}, I64: 4222,
		U64: math.MaxUint64, F32: 0.5, Any: "1",
	}, got)
}

func TestConfEnvironmentRefuses(t *testing.T) {
	tests := []struct{ environ, key, want string }{
		{"MAX_CONN=1.0", "max_conn", "want an integer"},
		{"MAX_CONN=0x10", "max_conn", "want an integer"},
		{"MAX_CONN= 1", "max_conn", "want an integer"},
		{"MAX_CONN=99999999999999999999", "max_conn", "want an integer"},
		{"U8=-1", "u8", "want an integer"},
		{"U8=256", "u8", "256 is out of range"},
		{"ON=yes", "on", "want true or false"},
		{"RATIO=a", "ratio", "want a number"},
		{"WAIT=5", "wait", `as in "5s"`},
		{"WAITS=1s,5", "waits[1]", `as in "5s"`},
		{"LABELS=a=b", "labels", "can't be given by a variable"},
		{"PEERS=a", "peers", "can't be given by a variable"},
		{"FUNC=a", "func", "can't be given by a variable"},
		{"ID=abc", "id", "want two characters"},
		{"PAIR=1,x", "pair", "item 2: want an integer"},
		{"PAIR=1", "pair", "want a list of 2"},
		{"MAX_CONN=tcp://10.0.0.11:4222", "max_conn", "Kubernetes sets"},
		{"ADDR=tcp://10.0.0.11:4222", "addr", "Kubernetes sets"},
		{"PLAIN_FILE=/nowhere", "Plain", "/nowhere"},
		{"PLAIN_FILE=/", "Plain", "directory"},
	}
	for _, tt := range tests {
		t.Run(tt.environ, func(t *testing.T) {
			var got confAll
			err := confFactory(t, ConfSources{Environ: []string{"B_" + tt.environ}})("b", &got)
			confErr, ok := errors.AsType[*ConfError](err)
			require.True(t, ok, "%v", err)
			variable, _, _ := strings.Cut("B_"+tt.environ, "=")
			require.Equal(t, []string{variable, "b", tt.key}, []string{confErr.Source, confErr.Name, confErr.Key})
			require.ErrorContains(t, err, tt.want)
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.Equal(t, confAll{}, got)
		})
	}
	err := confFactory(t, ConfSources{Environ: []string{"B_PLAIN=a", "B_PLAIN_FILE=b"}})("b", &confAll{})
	require.ErrorContains(t, err, "B_PLAIN_FILE")
	require.ErrorContains(t, err, "B_PLAIN is set, too")
}

func TestConfEnvironmentFileVariableOfItsOwnField(t *testing.T) {
	var got struct {
		Cert     string `koanf:"cert"`
		CertFile string `koanf:"cert_file"`
	}
	require.NoError(t, confFactory(t, ConfSources{Environ: []string{"B_CERT_FILE=/etc/cert", "B_CERT=inline"}})("b", &got))
	require.Equal(t, "/etc/cert", got.CertFile)
	require.Equal(t, "inline", got.Cert)
}

func TestConfEnvironmentCollisions(t *testing.T) {
	var twoKeys struct {
		TLS     confTLS `koanf:"tls"`
		TLSCert string  `koanf:"tls_cert"`
	}
	err := confFactory(t, ConfSources{Environ: []string{}})("b", &twoKeys)
	require.ErrorContains(t, err, `B_TLS_CERT: block "b": key "tls_cert": stands for key "tls.cert", too`)

	var a struct {
		X string `koanf:"b_c"`
	}
	var ab struct{ C string }
	cf := confFactory(t, ConfSources{Environ: []string{"A_B_C=1"}})
	for range 2 { // the same claim again is fine
		require.NoError(t, cf("a", &a))
	}
	require.ErrorContains(t, cf("a_b", &ab), `A_B_C: block "a_b": key "C": stands for key "b_c" of block "a", too`)

	unset := confFactory(t, ConfSources{Environ: []string{}, Defaults: fstest.MapFS{"a.yaml": {}, "a_b.yaml": {}}})
	require.NoError(t, unset("a", &a))
	require.NoError(t, unset("a_b", &ab))
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
	err = confFactory(t, ConfSources{Environ: []string{"BLOCKS_BLOCKS=a"}})("blocks", &struct{ Blocks []struct{ Name string } }{})
	require.ErrorContains(t, err, "can't be given by a variable")
}

func TestConfConcurrentUse(t *testing.T) {
	dir := confDir(t, "b.yaml", "plain: file\nlabels: {a: b}")
	cf := confFactory(t, ConfSources{Path: dir, Environ: []string{"B_KNAME=env"}})
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
	exts := strings.Split(confTypes, "|")
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
				_, ok := errors.AsType[*ConfError](err)
				require.True(t, ok, "%T", err)
				require.NotErrorIs(t, err, fs.ErrNotExist)
			}
		}
	})
}
