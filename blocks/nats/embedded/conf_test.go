package embedded

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestConfIsChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	cases := map[string]struct {
		change func(*Conf)
		key    string
	}{
		"name":                    {func(c *Conf) { c.ServerName = "a b" }, "name"},
		"store":                   {func(c *Conf) { c.Store = "" }, "store"},
		"store_max_bytes":         {func(c *Conf) { c.StoreMaxBytes = -1 }, "store_max_bytes"},
		"sync":                    {func(c *Conf) { c.Sync = "never" }, "sync"},
		"sync_interval":           {func(c *Conf) { c.SyncInterval = 1 }, "sync_interval"},
		"no address":              {func(c *Conf) { c.Listen = "4222" }, "listen"},
		"open to all":             {func(c *Conf) { c.Listen = "0.0.0.0:4222" }, "listen"},
		"open on every interface": {func(c *Conf) { c.Listen = ":4222" }, "listen"},
		"TLS is no login":         {func(c *Conf) { c.Listen, c.TLSCert, c.TLSKey = ":0", file, file }, "listen"},
		"two logins":              {func(c *Conf) { c.Listen, c.User, c.Password, c.Token = ":0", "u", "secret", "secret" }, "token"},
		"no password":             {func(c *Conf) { c.Listen, c.User = ":0", "u" }, "password"},
		"login for nobody":        {func(c *Conf) { c.Token = "secret" }, "listen"},
		"half a certificate":      {func(c *Conf) { c.Listen, c.TLSCert = "127.0.0.1:0", file }, "tls_cert"},
		"bad certificate":         {func(c *Conf) { c.Listen, c.TLSCert, c.TLSKey = "127.0.0.1:0", file, file }, "tls_cert"},
		"tls_ca":                  {func(c *Conf) { c.Listen, c.TLSCA = "127.0.0.1:0", file }, "tls_ca"},
		"domain":                  {func(c *Conf) { c.Domain = "a.b" }, "domain"},
		"leaf without domain":     {func(c *Conf) { c.Leaf = []string{"nats://hub:7422"} }, "domain"},
		"leaf":                    {func(c *Conf) { c.Domain, c.Leaf = "edge", []string{"u:secret@hub:7422"} }, "leaf"},
		"leaf_creds":              {func(c *Conf) { c.Domain, c.Leaf, c.LeafCreds = "edge", []string{"tls://hub"}, "/nowhere" }, "leaf_creds"},
		"leaf_tls_ca":             {func(c *Conf) { c.Domain, c.Leaf, c.LeafCA = "edge", []string{"tls://hub"}, file }, "leaf_tls_ca"},
		"leaf_local":              {func(c *Conf) { c.Domain, c.Leaf, c.LeafLocal = "edge", []string{"tls://hub"}, []string{"a..b"} }, "leaf_local"},
		"creds without leaf":      {func(c *Conf) { c.LeafCreds = file }, "leaf"},
	}
	require.NoError(t, DefaultConf().check())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := DefaultConf()
			c.change(&conf)
			faults := faultsOf(t, conf.check())
			assert.Contains(t, faults, c.key)
			assert.NotContains(t, conf.check().Error(), "secret")
		})
	}
}

func faultsOf(t *testing.T, err error) (keys []string) {
	t.Helper()
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var ce *sputnik.ConfError
		require.ErrorAs(t, e, &ce)
		keys = append(keys, ce.Key)
	}
	return keys
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := ReadConf(sputniktest.Conf(t, map[string]string{Name: "store: ''\nsync: never\nlisten: '4222'\n"}))
	assert.Equal(t, []string{"store", "sync", "listen"}, faultsOf(t, err))
}

func TestEveryKeyIsExplained(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Conf]()) {
		if f.Tag.Get("koanf") != "-" {
			assert.NotEmpty(t, f.Tag.Get("koanf"), f.Name)
			assert.NotEmpty(t, f.Tag.Get("doc"), f.Name)
		}
	}
}

func TestRedacted(t *testing.T) {
	assert.Equal(t, []string{"tls://hub:7422", "nats://hub"}, redacted([]string{"tls://u:secret@hub:7422", "nats://token@hub"}))
}

// To nats-server, 0 is its default port.
func TestPortZeroIsAnyFreeOne(t *testing.T) {
	for listen, want := range map[string]int{"127.0.0.1:0": server.RANDOM_PORT, "127.0.0.1:00": server.RANDOM_PORT, "127.0.0.1:1": 1} {
		opts, err := Conf{Listen: listen}.options(t.TempDir())
		require.NoError(t, err)
		assert.Equal(t, want, opts.Port, listen)
	}
}
