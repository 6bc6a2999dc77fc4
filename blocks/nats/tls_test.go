package nats

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

func TestConnectorWithTLSAndPassword(t *testing.T) {
	ca := testkit.NewAuthority(t)
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
		Username: "user", Password: "secret",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.KeyPair("server")}, MinVersion: tls.VersionTLS13}, TLSTimeout: 5,
	})
	require.NoError(t, err)
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	require.True(t, s.ReadyForConnections(patience))

	good := testConf()
	good.URLs = []string{strings.Replace(s.ClientURL(), "nats://", "tls://", 1)}
	good.User, good.Password, good.TLSCA = "user", "secret", ca.File
	connect(t, nil, good)

	cases := map[string]struct {
		change func(*Conf)
		want   string
	}{
		"wrong password":      {func(c *Conf) { c.Password = "wrong" }, "Authorization Violation"},
		"unknown certificate": {func(c *Conf) { c.TLSCA = "" }, "certificate"},
		"no such file":        {func(c *Conf) { c.TLSCA = "/nowhere" }, "/nowhere"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := good
			c.change(&conf)
			_, err := NewConnector(slog.New(slog.DiscardHandler), nil).Connect(confOf(conf, ProducerConf{}))
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}
