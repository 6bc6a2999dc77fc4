package httpin

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

func TestTLS(t *testing.T) {
	ca := testkit.NewAuthority(t)
	conf := testConf()
	conf.TLSCert, conf.TLSKey = ca.Issue("server")
	f := fly(t, conf, newSink())
	_, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
	require.ErrorContains(t, err, "unknown authority")

	f.client.Transport.(*http.Transport).TLSClientConfig = ca.Client("")
	wantAccepted(t, f.post(t, "", "x", asText), 1)
	plain, err := http.Post("http://"+f.address()+conf.Path, typeText, strings.NewReader("x"))
	require.NoError(t, err)
	plain.Body.Close()
	assert.Equal(t, 400, plain.StatusCode)
}

func TestClientCertificates(t *testing.T) {
	ca := testkit.NewAuthority(t)
	conf := testConf()
	conf.TLSCert, conf.TLSKey = ca.Issue("server")
	conf.TLSClientCA = ca.File
	f := fly(t, conf, newSink())
	transport := f.client.Transport.(*http.Transport)
	transport.TLSClientConfig = ca.Client("")
	_, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
	require.ErrorContains(t, err, "certificate required")

	for from, ok := range map[*testkit.Authority]bool{ca: true, testkit.NewAuthority(t): false} {
		cert := from.KeyPair("client")
		transport.CloseIdleConnections()
		transport.TLSClientConfig = ca.Client("")
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		a, err := f.send(http.MethodPost, "", strings.NewReader("x"), asText)
		assert.Equal(t, ok, err == nil, err)
		if ok {
			wantAccepted(t, a, 1)
		}
	}
}
