package admin

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

// clientOf trusts the authority, and has a certificate of that name, if it isn't empty.
func clientOf(t *testing.T, ca *testkit.Authority, name string) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.Client(name), ForceAttemptHTTP2: true}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestTLS(t *testing.T) {
	ca := testkit.NewAuthority(t)
	cert, key := ca.Issue("server")
	f := fly(t, fmt.Sprintf("tls_cert: %s\ntls_key: %s\ntoken: %s", cert, key, secret), Options{})
	f.url, f.client = "https"+f.url[len("http"):], clientOf(t, ca, "")
	code, _ := f.get(t, "/status")
	assert.Equal(t, http.StatusUnauthorized, code)
	s := f.listen(t, "Authorization", "Bearer "+secret)
	assert.Equal(t, 2, s.resp.ProtoMajor)
	s.until("process_running")
	require.NoError(t, f.Stop(), "streams over HTTP/2 end as well")
	assert.NotContains(t, f.log.String(), "cut short")
}

func TestClientCertificates(t *testing.T) {
	ca, strangers := testkit.NewAuthority(t), testkit.NewAuthority(t)
	strangers.Pool = ca.Pool // they know the server
	cert, key := ca.Issue("server")
	conf := fmt.Sprintf("tls_cert: %s\ntls_key: %s\ntls_client_ca: %s\n", cert, key, ca.File)
	_, err := read(t, conf+"listen: 0.0.0.0:8088")
	require.NoError(t, err, "enough to be reached from other machines")

	t.Run("open probes", func(t *testing.T) {
		f := fly(t, conf, Options{})
		f.url, f.client = "https"+f.url[len("http"):], clientOf(t, ca, "")
		code, _ := f.get(t, "/livez")
		assert.Equal(t, http.StatusOK, code)
		code, text := f.get(t, "/status")
		assert.Equal(t, http.StatusForbidden, code)
		assert.Contains(t, text, `"reason":"certificate"`)
		f.client = clientOf(t, ca, "operator")
		code, _ = f.get(t, "/status")
		assert.Equal(t, http.StatusOK, code)
		_, err := clientOf(t, strangers, "stranger").Get(f.url + "/livez") //nolint:bodyclose // there is none
		assert.Error(t, err)
		f.log.await(t, "reason=handshake") // the client knows before the server's log does
		assert.Regexp(t, `msg="request refused" block=admin reason=handshake from=127.0.0.1:\d+ total=1 error="tls: .*unknown authority`, f.log.String())
		assert.InDelta(t, 1, testutil.ToFloat64(f.metrics.refused.WithLabelValues(string(byHandshake))), 0)
	})
	t.Run("closed probes, and a token too", func(t *testing.T) {
		f := fly(t, conf+"open_probes: false\ntoken: "+secret, Options{})
		f.url = "https" + f.url[len("http"):]
		_, err := clientOf(t, ca, "").Get(f.url + "/livez") //nolint:bodyclose // there is none
		assert.Error(t, err)
		f.client = clientOf(t, ca, "operator")
		code, _ := f.get(t, "/livez")
		assert.Equal(t, http.StatusUnauthorized, code, "both are wanted")
		code, _ = f.get(t, "/livez", "Authorization", "Bearer "+secret)
		assert.Equal(t, http.StatusOK, code)
	})
}
