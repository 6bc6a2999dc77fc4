package nats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certificate makes a self-signed one for 127.0.0.1, and a file with it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestConnectorWithTLSAndPassword(t *testing.T) {
	cert, ca := certificate(t)
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
		Username: "user", Password: "secret",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}, TLSTimeout: 5,
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
	good.User, good.Password, good.TLSCA = "user", "secret", ca
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
