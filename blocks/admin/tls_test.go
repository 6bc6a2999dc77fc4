package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", nil, nil)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// sign writes name.pem and name-key.pem; without an issuer it makes an authority.
func (a *authority) sign(name string, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        issuer == nil, BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, issuerKey = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, issuer, &key.PublicKey, issuerKey)
	require.NoError(a.t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	require.NoError(a.t, os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(a.t, os.WriteFile(a.file(name+"-key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	cert, err = x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

// client trusts the authority, and shows the certificate of that name, if it isn't empty.
func (a *authority) client(name string) *http.Client {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	conf := &tls.Config{RootCAs: pool}
	if name != "" {
		cert, err := tls.LoadX509KeyPair(a.file(name), a.file(name+"-key"))
		require.NoError(a.t, err)
		conf.Certificates = []tls.Certificate{cert}
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}}
	a.t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.sign("server", ca.cert, ca.key)
	f := fly(t, fmt.Sprintf("tls_cert: %s\ntls_key: %s\ntoken: %s", ca.file("server"), ca.file("server-key"), secret), Options{})
	f.url, f.client = "https"+f.url[len("http"):], ca.client("")
	code, _ := f.get(t, "/status")
	assert.Equal(t, http.StatusUnauthorized, code)
	s := f.listen(t, "Authorization", "Bearer "+secret)
	assert.Equal(t, 2, s.resp.ProtoMajor)
	s.until("process_running")
	require.NoError(t, f.Stop(), "streams over HTTP/2 end as well")
	assert.NotContains(t, f.log.String(), "cut short")
}

func TestClientCertificates(t *testing.T) {
	ca, strangers := newAuthority(t), newAuthority(t)
	ca.sign("server", ca.cert, ca.key)
	ca.sign("operator", ca.cert, ca.key)
	strangers.sign("stranger", strangers.cert, strangers.key)
	for _, name := range []string{"stranger.pem", "stranger-key.pem"} {
		require.NoError(t, os.Rename(filepath.Join(strangers.dir, name), filepath.Join(ca.dir, name)))
	}
	conf := fmt.Sprintf("tls_cert: %s\ntls_key: %s\ntls_client_ca: %s\n", ca.file("server"), ca.file("server-key"), ca.file("ca"))
	_, err := read(t, conf+"listen: 0.0.0.0:8088")
	require.NoError(t, err, "enough to be reached from other machines")

	t.Run("open probes", func(t *testing.T) {
		f := fly(t, conf, Options{})
		f.url, f.client = "https"+f.url[len("http"):], ca.client("")
		code, _ := f.get(t, "/livez")
		assert.Equal(t, http.StatusOK, code)
		code, text := f.get(t, "/status")
		assert.Equal(t, http.StatusForbidden, code)
		assert.Contains(t, text, `"reason":"certificate"`)
		f.client = ca.client("operator")
		code, _ = f.get(t, "/status")
		assert.Equal(t, http.StatusOK, code)
		_, err := ca.client("stranger").Get(f.url + "/livez") //nolint:bodyclose // there is none
		assert.Error(t, err)
		require.NoError(t, f.Stop()) // then it is told
		assert.Regexp(t, `msg="request refused" block=admin reason=handshake from=127.0.0.1:\d+ total=1 error="tls: .*unknown authority`, f.log.String())
		assert.InDelta(t, 1, testutil.ToFloat64(f.metrics.refused.WithLabelValues(string(byHandshake))), 0)
	})
	t.Run("closed probes, and a token too", func(t *testing.T) {
		f := fly(t, conf+"open_probes: false\ntoken: "+secret, Options{})
		f.url = "https" + f.url[len("http"):]
		_, err := ca.client("").Get(f.url + "/livez") //nolint:bodyclose // there is none
		assert.Error(t, err)
		f.client = ca.client("operator")
		code, _ := f.get(t, "/livez")
		assert.Equal(t, http.StatusUnauthorized, code, "both are wanted")
		code, _ = f.get(t, "/livez", "Authorization", "Bearer "+secret)
		assert.Equal(t, http.StatusOK, code)
	})
}
