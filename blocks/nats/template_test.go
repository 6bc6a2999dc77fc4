package nats

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fields is what a receiver sends along.
type fields map[string]string

func (f fields) Field(name string) (string, bool) {
	value, ok := f[name]
	return value, ok
}

func TestSubjectTemplate(t *testing.T) {
	record := fields{"facility": "user", "severity": "info", "hostname": "db.example.org", "app": "", "odd": "a b*c>d\x00é\xff%"}
	long := fields{"hostname": strings.Repeat("x", 5000)}
	cases := map[string]struct {
		text   string
		fields Fields
		want   string
	}{
		"plain":          {"syslog.{facility}.{severity}", record, "syslog.user.info"},
		"host with dots": {"syslog.{facility}.{hostname}", record, "syslog.user.db%2Eexample%2Eorg"},
		"special bytes":  {"syslog.{odd}.x", record, "syslog.a%20b%2Ac%3Ed%00é%FF%25.x"},
		"empty":          {"syslog.{app}", record, "syslog.%"},
		"missing":        {"syslog.{procid}.x", record, "syslog.-.x"},
		"no fields":      {"syslog.{hostname}", nil, "syslog.-"},
		"part of token":  {"syslog.on-{facility}-{severity}.x", record, "syslog.on-user-info.x"},
		"no field":       {"syslog.all", record, "syslog.all"},
		"too long":       {"syslog.{hostname}", long, "syslog." + strings.Repeat("x", maxToken-1) + "%"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tmpl, err := compileTemplate(c.text, "syslog.", "-")
			require.NoError(t, err)
			got := tmpl.subject(c.fields)
			assert.Equal(t, c.want, got)
			assert.True(t, validSubject(got))
		})
	}
}

func TestTemplateIsChecked(t *testing.T) {
	cases := map[string]string{
		"syslog.{facility": `has a { without its }`,
		"syslog.{a{b}":     `has a { without its }`,
		"syslog.facility}": `has a } without a {`,
		"syslog.{}":        `has a {} without a field's name`,
		"syslog..{a}":      `has an empty token`,
		"syslog.{a}.":      `has an empty token`,
		".syslog.{a}":      `has an empty token`,
		"syslog.{a}.*":     `has a space or a wildcard`,
		"syslog.{a}.x y":   `has a space or a wildcard`,
		"other.{a}":        `does not begin with "syslog."`,
		"{a}.x":            `does not begin with "syslog."`,
		"syslog":           `does not begin with "syslog."`,
		"syslogs.{a}":      `does not begin with "syslog."`,
		"syslog." + strings.Repeat("{a}.", 20) + "x": `use fewer fields`,
	}
	for text, want := range cases {
		_, err := compileTemplate(text, "syslog.", "-")
		assert.ErrorContains(t, err, want, text)
	}
}

func TestDecodeTokenRefuses(t *testing.T) {
	for _, token := range []string{"a.b", "a b", "%2", "%zz", "%2Ex%", "a>"} {
		_, whole, err := DecodeToken(token)
		assert.True(t, err != nil || !whole, token)
	}
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "-", "%", "a.b", "é", "\xff\xfe", "日本", "a%2Eb", strings.Repeat("%", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token := string(appendToken(nil, value))
		require.True(t, validToken(token), "%q", token)
		got, whole, err := DecodeToken(token)
		require.NoError(t, err)
		if whole {
			require.Equal(t, value, got)
		} else {
			require.True(t, strings.HasPrefix(value, got))
			require.Greater(t, len(value)*3, maxToken-4)
		}
	})
}

func TestSubjectAllocatesOnce(t *testing.T) {
	tmpl, err := compileTemplate("syslog.{facility}.{severity}.{hostname}", "syslog.", "-")
	require.NoError(t, err)
	record := Fields(fields{"facility": "user", "severity": "info", "hostname": "db.example.org"})
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { tmpl.subject(record) }), 1.0)
}

// fixed costs as little as a receiver's own type does.
type fixed struct{ facility, severity, hostname string }

func (f *fixed) Field(name string) (string, bool) {
	switch name {
	case "facility":
		return f.facility, true
	case "severity":
		return f.severity, true
	case "hostname":
		return f.hostname, true
	}
	return "", false
}

func BenchmarkSubject(b *testing.B) {
	tmpl, err := compileTemplate("syslog.{facility}.{severity}.{hostname}", "syslog.", "-")
	require.NoError(b, err)
	for name, host := range map[string]string{"plain": "db1", "encoded": "db1.example.org"} {
		b.Run(name, func(b *testing.B) {
			record := &fixed{"user", "info", host}
			b.ReportAllocs()
			for b.Loop() {
				tmpl.subject(record)
			}
		})
	}
}
