// Package testkit is what the tests of several blocks need, and nobody else: certificates and a full disk.
package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// Authority signs certificates, and keeps them as files that everybody can read.
type Authority struct {
	File string         // with its own certificate
	Pool *x509.CertPool // with that

	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority that nobody trusts yet.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	a := &Authority{Pool: x509.NewCertPool(), t: t, dir: t.TempDir(), key: newKey(t)}
	require.NoError(t, os.Chmod(a.dir, 0o755)) // rsyslog gives up its rights
	a.cert = &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-2 * day), NotAfter: time.Now().Add(day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.File, _ = a.sign("ca", a.cert, a.key)
	text, err := os.ReadFile(a.File)
	require.NoError(t, err)
	require.True(t, a.Pool.AppendCertsFromPEM(text))
	return a
}

// Issue makes a certificate for a name and 127.0.0.1, good for a server and for a client, and valid for a day.
func (a *Authority) Issue(name string) (certFile, keyFile string) {
	a.t.Helper()
	return a.IssueUntil(name, time.Now().Add(day))
}

// IssueUntil makes one that is valid until then, which may be some hours ago.
func (a *Authority) IssueUntil(name string, until time.Time) (certFile, keyFile string) {
	a.t.Helper()
	return a.sign(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-day), NotAfter: until,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, newKey(a.t))
}

// KeyPair issues a certificate as crypto/tls wants it.
func (a *Authority) KeyPair(name string) tls.Certificate {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(name))
	require.NoError(a.t, err)
	return pair
}

// Client is how one connects to 127.0.0.1 who trusts the authority, and has a certificate of that name unless it's empty.
func (a *Authority) Client(name string) *tls.Config {
	a.t.Helper()
	config := &tls.Config{RootCAs: a.Pool, ServerName: "127.0.0.1"}
	if name != "" {
		config.Certificates = []tls.Certificate{a.KeyPair(name)}
	}
	return config
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *Authority) sign(name string, template *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
	a.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(a.t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+"-key.pem", "PRIVATE KEY", keyDER)
}

func (a *Authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644))
	return file
}
