package httpin

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
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pki is a certificate authority with a server and a client, in files.
type pki struct{ folder string }

func newPKI(t *testing.T) pki {
	t.Helper()
	p := pki{t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	p.write(t, "ca", ca, ca, key, key)
	for i, name := range []string{"server", "client"} {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		p.write(t, name, &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, own, key)
	}
	return p
}

func (p pki) file(name string) string { return filepath.Join(p.folder, name) }

func (p pki) write(t *testing.T, name string, cert, parent *x509.Certificate, own, parents *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, own.Public(), parents)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(t, os.WriteFile(p.file(file), pem.EncodeToMemory(block), 0o600))
	}
}

func (p pki) trusting(t *testing.T) *tls.Config {
	t.Helper()
	pool, err := readCAs(p.file("ca.pem"))
	require.NoError(t, err)
	return &tls.Config{RootCAs: pool}
}

func TestTLS(t *testing.T) {
	p := newPKI(t)
	conf := testConf()
	conf.TLSCert, conf.TLSKey = p.file("server.pem"), p.file("server.key")
	f := fly(t, conf, newSink())
	_, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
	require.ErrorContains(t, err, "unknown authority")

	f.client.Transport.(*http.Transport).TLSClientConfig = p.trusting(t)
	wantAccepted(t, f.post(t, "", "x", asText), 1)
	plain, err := http.Post("http://"+f.address()+conf.Path, typeText, strings.NewReader("x"))
	require.NoError(t, err)
	plain.Body.Close()
	assert.Equal(t, 400, plain.StatusCode)
}

func TestClientCertificates(t *testing.T) {
	p := newPKI(t)
	conf := testConf()
	conf.TLSCert, conf.TLSKey, conf.TLSClientCA = p.file("server.pem"), p.file("server.key"), p.file("ca.pem")
	f := fly(t, conf, newSink())
	transport := f.client.Transport.(*http.Transport)
	transport.TLSClientConfig = p.trusting(t)
	_, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
	require.ErrorContains(t, err, "certificate required")

	for from, ok := range map[pki]bool{p: true, newPKI(t): false} {
		cert, err := tls.LoadX509KeyPair(from.file("client.pem"), from.file("client.key"))
		require.NoError(t, err)
		transport.CloseIdleConnections()
		transport.TLSClientConfig = p.trusting(t)
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		a, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
		assert.Equal(t, ok, err == nil, err)
		if ok {
			wantAccepted(t, a, 1)
		}
	}
}
