package nats

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/internal/testkit"
)

// runServer runs one with JetStream and opts.
func runServer(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	opts.JetStream, opts.StoreDir = true, t.TempDir()
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(patience))
	return s
}

func confFor(s *server.Server) Conf {
	conf := testConf()
	conf.URLs = []string{s.ClientURL()}
	return conf
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// newKey returns a user's key, public and as a file with the seed.
func newKey(t *testing.T) (public, file string, seed []byte) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	seed, err = pair.Seed()
	require.NoError(t, err)
	return public, write(t, "seed.nk", append(seed, '\n')), seed
}

func refuses(t *testing.T, conf Conf, want string) {
	t.Helper()
	_, err := NewConnector(discard(), nil).Connect(confOf(conf, ProducerConf{}))
	require.ErrorContains(t, err, want)
}

func TestConnectorWithToken(t *testing.T) {
	s := runServer(t, &server.Options{Authorization: "secret"})
	conf := confFor(s)
	conf.Token = "secret"
	connect(t, nil, conf)
	conf.Token = "wrong"
	refuses(t, conf, "Authorization Violation")
}

func TestConnectorWithNKey(t *testing.T) {
	public, file, _ := newKey(t)
	_, other, _ := newKey(t)
	s := runServer(t, &server.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}})
	conf := confFor(s)
	conf.NKeySeed = file
	require.NoError(t, conf.check())
	connect(t, nil, conf)
	conf.NKeySeed = other
	refuses(t, conf, "Authorization Violation")
}

func TestConnectorWithJWT(t *testing.T) {
	operator, err := nkeys.CreateOperator()
	require.NoError(t, err)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	operatorKey, err := operator.PublicKey()
	require.NoError(t, err)
	accountKey, err := account.PublicKey()
	require.NoError(t, err)
	claims := jwt.NewAccountClaims(accountKey)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1,
		MaxAckPending: -1, MemoryMaxStreamBytes: -1, DiskMaxStreamBytes: -1,
	}
	token, err := claims.Encode(operator)
	require.NoError(t, err)
	system, err := nkeys.CreateAccount()
	require.NoError(t, err)
	systemKey, err := system.PublicKey()
	require.NoError(t, err)
	systemToken, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	require.NoError(t, err)
	resolver := new(server.MemAccResolver)
	require.NoError(t, resolver.Store(accountKey, token))
	require.NoError(t, resolver.Store(systemKey, systemToken))
	s := runServer(t, &server.Options{TrustedKeys: []string{operatorKey}, AccountResolver: resolver, SystemAccount: systemKey})

	userKey, seedFile, seed := newKey(t)
	userToken := func(bearer bool) string {
		user := jwt.NewUserClaims(userKey)
		user.BearerToken = bearer
		text, err := user.Encode(account)
		require.NoError(t, err)
		return text
	}
	creds, err := jwt.FormatUserConfig(userToken(false), seed)
	require.NoError(t, err)
	credsFile := write(t, "user.creds", creds)
	cases := map[string]func(*Conf){
		"inline":            func(c *Conf) { c.JWT, c.NKeySeed = userToken(false), seedFile },
		"file":              func(c *Conf) { c.JWTFile, c.NKeySeed = write(t, "u.jwt", []byte(userToken(false)+"\n")), seedFile },
		"bearer":            func(c *Conf) { c.JWT = userToken(true) },
		"creds":             func(c *Conf) { c.Creds = credsFile },
		"both in one file":  func(c *Conf) { c.JWTFile, c.NKeySeed = credsFile, credsFile },
		"seed out of creds": func(c *Conf) { c.JWT, c.NKeySeed = userToken(false), credsFile },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			conf := confFor(s)
			change(&conf)
			require.NoError(t, conf.check())
			connect(t, nil, conf)
		})
	}
	conf := confFor(s)
	conf.JWT = userToken(false)
	refuses(t, conf, "it needs nkey_seed")
	_, conf.NKeySeed, _ = newKey(t)
	refuses(t, conf, "Authorization Violation")
}

func TestConnectorWithClientCertificate(t *testing.T) {
	ca := testkit.NewAuthority(t)
	s := runServer(t, &server.Options{TLSTimeout: 5, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{ca.KeyPair("server")}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
	}})
	conf := confFor(s)
	conf.TLSCA = ca.File
	refuses(t, conf, "tls") // "certificate required", or the connection is gone by then
	conf.TLSCert, conf.TLSKey = ca.Issue("client")
	require.NoError(t, conf.check())
	connect(t, nil, conf)
	conf.TLSServerName = "127.0.0.1"
	connect(t, nil, conf)
	conf.TLSServerName = "elsewhere.example"
	refuses(t, conf, "elsewhere.example")
}

func TestLoginIsChecked(t *testing.T) {
	_, seed, _ := newKey(t)
	ca := testkit.NewAuthority(t).File
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	accountSeed, err := account.Seed()
	require.NoError(t, err)
	junk := write(t, "junk", []byte("secret"))
	cases := map[string]struct {
		change func(*Conf)
		key    string
		want   string
	}{
		"password alone":    {func(c *Conf) { c.Password = "secret" }, "password", "needs a user"},
		"two ways":          {func(c *Conf) { c.User, c.Token = "u", "secret" }, "token", "user and token are configured: choose"},
		"three ways":        {func(c *Conf) { c.User, c.Token, c.NKeySeed = "u", "secret", seed }, "nkey_seed", "user and token and nkey_seed"},
		"two JWTs":          {func(c *Conf) { c.JWT, c.JWTFile = "a.b.c", junk }, "jwt_file", "choose"},
		"not a JWT":         {func(c *Conf) { c.JWT = "a.b.c" }, "jwt", "not a user's JWT"},
		"no seed":           {func(c *Conf) { c.NKeySeed = junk }, "nkey_seed", "not a user's NKey seed"},
		"an account's seed": {func(c *Conf) { c.NKeySeed = write(t, "a.nk", accountSeed) }, "nkey_seed", "not a user's NKey seed"},
		"seed not there":    {func(c *Conf) { c.NKeySeed = "/nowhere" }, "nkey_seed", "/nowhere"},
		"no JWT":            {func(c *Conf) { c.JWTFile = junk }, "jwt_file", "there is no JWT in it"},
		"no creds":          {func(c *Conf) { c.Creds = junk }, "creds", "there is no JWT in it"},
		"no certificates":   {func(c *Conf) { c.TLSCA = junk }, "tls_ca", "holds no certificate in PEM form"},
		"no key":            {func(c *Conf) { c.TLSCert = ca }, "tls_cert", "needs tls_key"},
		"no certificate":    {func(c *Conf) { c.TLSKey = ca }, "tls_key", "needs tls_cert"},
		"not the key":       {func(c *Conf) { c.TLSCert, c.TLSKey = ca, ca }, "tls_cert", "PEM"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := testConf()
			conf.URLs = []string{"nats://h"}
			c.change(&conf)
			err := conf.check()
			assert.Contains(t, keysOf(t, err), c.key)
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, strings.ToLower(err.Error()), "secret")
		})
	}
}

func keysOf(t *testing.T, err error) (keys []string) {
	t.Helper()
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var ce *sputnik.ConfError
		require.ErrorAs(t, e, &ce)
		keys = append(keys, ce.Key)
	}
	return keys
}

func TestConnectorWithoutAnyServer(t *testing.T) {
	refuses(t, testConf(), "no urls are configured, and there is no broker in this process")
}

// A server that says nothing must not use up the time for the others.
func TestConnectorLeavesTimeForTheOtherServers(t *testing.T) {
	s := runServer(t, new(server.Options))
	conf := confFor(s)
	silent := listen(t)
	conf.URLs = []string{"nats://" + silent.Addr().String(), conf.URLs[0]}
	conf.ConnectTimeout = time.Second
	for range 4 { // in random order
		connect(t, nil, conf)
	}
}
