package httpin

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/internal/testkit"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestDefaultConf(t *testing.T) {
	conf, err := ReadConf(sputniktest.NoConf)
	require.NoError(t, err)
	assert.Equal(t, DefaultConf(), conf)
	for field := range reflect.TypeFor[Conf]().Fields() {
		assert.NotEmpty(t, field.Tag.Get("koanf"), field.Name)
		assert.NotEmpty(t, field.Tag.Get("doc"), field.Name)
	}
}

func TestReadmeNamesEachKey(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for field := range reflect.TypeFor[Conf]().Fields() {
		assert.Contains(t, string(readme), "`"+field.Tag.Get("koanf")+"`", field.Name)
	}
}

func TestConfFromTheEnvironment(t *testing.T) {
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Environ: []string{
		"HTTP_TOKEN=0123456789abcdef,fedcba9876543210", "HTTP_LISTEN=0.0.0.0:8088",
	}})
	require.NoError(t, err)
	conf, err := ReadConf(cf)
	require.NoError(t, err)
	assert.Len(t, conf.Token, 2)
}

// Each fault is reported, all at once, under its key.
func TestConfFaults(t *testing.T) {
	_, err := ReadConf(sputniktest.Conf(t, map[string]string{Name: `
listen: 0.0.0.0:0
path: v1
to: ""
subject: a..b
fields: {Upper: "header:X", path: "header:X", a: "cookie:x", b: "header:", c: "header:a b", d: "query:", e: "header:authorization"}
wait: some
accept_timeout: 0s
stored_timeout: -1s
retry_after: 500ms
max_waiting: 0
max_pending_bytes: 2000000000
max_body: 0
max_message: -1
max_batch: 0
max_conn: 0
tls_key: key.pem
tls_client_ca: none.pem
header_timeout: 0s
read_timeout: 0s
idle_timeout: 0s
`}))
	got := map[string]bool{}
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		for fault := range flat(e) {
			assert.Equal(t, Name, fault.Name)
			got[fault.Key] = true
		}
	}
	for _, key := range []string{
		"path", "to", "subject", "fields.Upper", "fields.path", "fields.a", "fields.b", "fields.c", "fields.d", "fields.e",
		"wait", "accept_timeout", "stored_timeout", "retry_after", "max_waiting", "max_pending_bytes", "max_body", "max_message",
		"max_batch", "max_conn", "tls_cert", "tls_client_ca", "header_timeout", "read_timeout", "idle_timeout",
	} {
		assert.True(t, got[key], key)
	}
	assert.NotContains(t, got, "listen", "a client CA is asked for")
}

// flat yields the faults that an error is made of.
func flat(err error) func(func(*sputnik.ConfError) bool) {
	return func(yield func(*sputnik.ConfError) bool) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				for fault := range flat(e) {
					if !yield(fault) {
						return
					}
				}
			}
			return
		}
		fault, _ := errors.AsType[*sputnik.ConfError](err)
		yield(fault)
	}
}

func TestBeyondLoopbackOnlyWithCredentials(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8088": true, "[::1]:8088": true, "127.3.2.1:0": true,
		"0.0.0.0:8088": false, ":8088": false, "[::]:8088": false, "192.168.0.1:8088": false, "myhost:8088": false, "localhost.evil:1": false,
	} {
		conf := testConf()
		conf.Listen = listen
		assert.Equal(t, ok, conf.check() == nil, listen)
		conf.Token = []string{"0123456789abcdef"}
		assert.NoError(t, conf.check(), listen)
	}
	for _, listen := range []string{"8088", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:http"} {
		conf := testConf()
		conf.Listen = listen
		assert.ErrorContains(t, conf.check(), `"listen"`, listen)
	}
}

func TestTokensAreCheckedAndNotShown(t *testing.T) {
	for _, token := range []string{"", "short", "0123456789 abcdef", "0123456789abcdef\n", "================", "0123456=9abcdefgh", "0123456789äabcdef"} {
		conf := testConf()
		conf.Token = []string{"0123456789abcdef", token}
		err := conf.check()
		require.ErrorContains(t, err, `"token": number 2`, token)
		if token != "" {
			assert.NotContains(t, err.Error(), token)
		}
	}
}

func TestSizesFitEachOther(t *testing.T) {
	conf := testConf()
	conf.MaxMessage, conf.MaxBody, conf.MaxPendingBytes = 300, 200, 100
	err := conf.check()
	require.ErrorContains(t, err, `"max_message"`)
	require.ErrorContains(t, err, `"max_pending_bytes"`)
}

func TestTLSFilesAreChecked(t *testing.T) {
	conf := testConf()
	conf.TLSCert, conf.TLSKey, conf.TLSClientCA = "conf_test.go", "none.pem", "conf_test.go"
	err := conf.check()
	require.ErrorContains(t, err, `"tls_cert"`)
	require.ErrorContains(t, err, `"tls_client_ca": conf_test.go holds no certificate`)
	ca := testkit.NewAuthority(t)
	conf.TLSCert, conf.TLSKey = ca.Issue("server")
	conf.TLSClientCA = ca.File
	require.NoError(t, conf.check())
	conf.TLSKey = ""
	require.ErrorContains(t, conf.check(), `"tls_key"`)
	conf.TLSKey = filepath.Join(t.TempDir(), "none")
	require.ErrorContains(t, conf.check(), `"tls_cert"`)
}
