package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// certificate makes a self-signed one for 127.0.0.1, to be used by both sides.
func certificate(t *testing.T) (certFile, keyFile string) {
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
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", keyDER)
}

func TestListenerAsksWhoItIs(t *testing.T) {
	cert, key := certificate(t)
	secure := func(c *Conf) { c.TLSCert, c.TLSKey = cert, key }
	cases := map[string]struct {
		change func(*Conf)
		good   []nats.Option
		bad    []nats.Option
	}{
		"user": {
			func(c *Conf) { c.User, c.Password = "u", "secret" },
			[]nats.Option{nats.UserInfo("u", "secret")},
			[]nats.Option{nats.UserInfo("u", "wrong")},
		},
		"token": {
			func(c *Conf) { c.Token = "secret" },
			[]nats.Option{nats.Token("secret")},
			nil,
		},
		"TLS": {
			secure,
			[]nats.Option{nats.RootCAs(cert)},
			[]nats.Option{nats.Secure()},
		},
		"TLS and token": {
			func(c *Conf) { secure(c); c.Token = "secret" },
			[]nats.Option{nats.RootCAs(cert), nats.Token("secret")},
			[]nats.Option{nats.RootCAs(cert)},
		},
		"client certificate": {
			func(c *Conf) { secure(c); c.TLSCA = cert },
			[]nats.Option{nats.RootCAs(cert), nats.ClientCert(cert, key)},
			[]nats.Option{nats.RootCAs(cert)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := DefaultConf()
			conf.Store, conf.Listen = t.TempDir(), "127.0.0.1:0"
			c.change(&conf)
			require.NoError(t, conf.check())
			b := start(t, conf)
			defer func() { require.NoError(t, b.Stop()) }()

			nc, err := nats.Connect(b.ClientURL(), c.good...)
			require.NoError(t, err)
			nc.Close()
			_, err = nats.Connect(b.ClientURL(), c.bad...)
			require.Error(t, err)
			nc, err = nats.Connect("", nats.InProcessServer(b)) // needs no login
			require.NoError(t, err)
			nc.Close()
		})
	}
}
