package conf

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
		{"bare number as text", "yaml", `wait: "5"`, "wait", `write "5s", not 5`},
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
		{"func", "yaml", "func: 1", "func", "a value of type func() can't be configured"},
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
		{"YAML key that is no text", "yaml", "labels: {8080: web}", "labels", "write it in quotes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := confAll{Plain: "kept", Urls: []string{"kept"}}
			err := readOne(tt.ext, tt.text, &got)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.want == "unknown key", strings.HasSuffix(err.Error(), "unknown key"))
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.Equal(t, confAll{Plain: "kept", Urls: []string{"kept"}}, got, "the result is touched")
			confErr, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, "b", confErr.Name)
			require.Equal(t, tt.key, confErr.Key)
			require.Equal(t, "Defaults/b."+tt.ext, confErr.Source)
		})
	}
}

func TestConfFillsMaps(t *testing.T) {
	var free map[string]any
	require.NoError(t, readOne("yaml", "A.b: 1\na.B: [x]", &free))
	require.Equal(t, map[string]any{"A.b": 1, "a.B": []any{"x"}}, free)

	require.NoError(t, readOne("yaml", "none: ~\na: {8080: web}", &free))
	require.Contains(t, free, "none")
	require.Equal(t, map[string]any{"8080": "web"}, free["a"], "a key that is no text")

	typed := map[string]confTLS{"a": {Key: "kept"}}
	require.NoError(t, readOne("yaml", "a: {CERT: x}", &typed))
	require.Equal(t, map[string]confTLS{"a": {Cert: "x", Key: "kept"}}, typed)

	require.ErrorContains(t, readOne("yaml", "a: {crt: x}", &typed), `key "[a].crt"`)
	require.ErrorContains(t, readOne("yaml", "a: 1", &map[int]int{}), "want an integer, got text")
}
