package admin

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func read(t *testing.T, yaml string) (Conf, error) {
	t.Helper()
	return ReadConf(sputniktest.Conf(t, map[string]string{Name: yaml}))
}

func TestDefaults(t *testing.T) {
	conf, err := ReadConf(sputniktest.NoConf)
	require.NoError(t, err)
	assert.Equal(t, DefaultConf(), conf)
	require.NoError(t, conf.check(), "it listens on loopback")
	assert.True(t, conf.OpenProbes)
}

func TestEachFaultNamesItsKey(t *testing.T) {
	nonsense := filepath.Join(t.TempDir(), "nonsense.pem")
	require.NoError(t, os.WriteFile(nonsense, []byte("nonsense"), 0o600))
	for yaml, key := range map[string]string{
		"listen: nowhere":                                  "listen",
		"listen: 127.0.0.1:99999":                          "listen",
		"token: short":                                     "token",
		"token: has a blank inside of it":                  "token",
		"token: schlüssel-mit-umlaut":                      "token",
		"hosts: ['admin.test:80']":                         "hosts",
		"counters: [a, a]":                                 "counters",
		"counters: ['']":                                   "counters",
		"counters_limit: 0s":                               "counters_limit",
		"counters_limit: 1m":                               "counters_limit",
		"events: 0":                                        "events",
		"max_streams: -1":                                  "max_streams",
		"max_conn: 16":                                     "max_conn",
		"tls_key: key.pem":                                 "tls_cert",
		"tls_cert: cert.pem":                               "tls_key",
		"tls_client_ca: ca.pem":                            "tls_cert",
		"tls_cert: nowhere.pem\ntls_key: nowhere.pem":      "tls_cert",
		"tls_cert: " + nonsense + "\ntls_key: " + nonsense: "tls_cert",
		"max_con: 1":                                       "max_con",
	} {
		_, err := read(t, yaml)
		fault, ok := errors.AsType[*sputnik.ConfError](err)
		if assert.True(t, ok, "%s: %v", yaml, err) {
			assert.Equal(t, Name, fault.Name)
			assert.Equal(t, key, fault.Key, err)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := read(t, "listen: nowhere\ntoken: short\nevents: 0")
	for _, key := range []string{"listen", "token", "events"} {
		assert.ErrorContains(t, err, `key "`+key+`"`)
	}
	assert.NotContains(t, err.Error(), "short", "a secret isn't shown")
}

func TestBeyondLoopbackOnlyGuarded(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:8088", ":8088", "'[::]:8088'", "10.1.2.3:8088", "example.org:8088", "'[2001:db8::1]:8088'"} {
		_, err := read(t, "listen: "+listen)
		assert.ErrorContains(t, err, "can be reached from other machines", listen)
		_, err = read(t, "listen: "+listen+"\ntoken: "+secret)
		assert.NoError(t, err, listen)
	}
	for _, listen := range []string{"127.0.0.1:0", "127.1.2.3:8088", "'[::1]:8088'", "localhost:8088"} {
		_, err := read(t, "listen: "+listen)
		assert.NoError(t, err, listen)
	}
}

// The command line prints samples of these, README.md has a table.
func TestEveryKeyIsDocumented(t *testing.T) {
	documented := readme(t)
	for f := range reflect.TypeFor[Conf]().Fields() {
		key := f.Tag.Get("koanf")
		assert.NotEmpty(t, key, f.Name)
		assert.NotEmpty(t, f.Tag.Get("doc"), f.Name)
		if !strings.Contains(documented, "`"+key+"`") {
			t.Errorf("README.md has no %s", key)
		}
	}
}

func TestPortTakenIsAnErrorOfInit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	a := newAdmin(discard(), Options{})
	err = a.Init(sputniktest.Conf(t, map[string]string{Name: "listen: " + taken.Addr().String()}))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, taken.Addr().String())
}

func TestWorksFromABlankImport(t *testing.T) {
	factory, err := sputnik.Factory(Name)
	require.NoError(t, err)
	assert.NotNil(t, factory())
}
