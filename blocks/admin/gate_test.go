package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "correct-horse-battery"

func TestToken(t *testing.T) {
	f := fly(t, "token: "+secret, Options{})
	for _, path := range []string{"/status", "/metrics", "/events", "/loglevel", "/nowhere"} {
		code, text := f.get(t, path)
		assert.Equal(t, http.StatusUnauthorized, code, path)
		assert.Contains(t, text, `"reason":"no_token"`)
	}
	for _, path := range []string{"/livez", "/readyz", "/startedz"} {
		code, _ := f.get(t, path)
		assert.NotEqual(t, http.StatusUnauthorized, code, path)
	}
	resp := f.do(t, http.MethodGet, "/", "")
	resp.Body.Close()
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
	assert.Equal(t, "/login", resp.Header.Get("Location"))
	code, text := f.get(t, "/status", "Authorization", "Bearer "+secret)
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"session":false`)
	code, _ = f.request(t, http.MethodPost, "/stop", "", "Authorization", "bearer  "+secret+" ")
	assert.Equal(t, http.StatusAccepted, code)
	require.NoError(t, f.Wait())
}

// Wrong day: somebody guesses.
func TestWrongTokenIsCountedAndLoggedOnceASecond(t *testing.T) {
	f := fly(t, "token: "+secret, Options{})
	guesses := []string{"Bearer x", "Bearer ", "Bearer " + secret + "x", "Bearer " + secret[1:], "Basic " + secret, secret}
	began := time.Now()
	for range 10 {
		for _, header := range guesses {
			code, text := f.get(t, "/status", "Authorization", header)
			assert.Equal(t, http.StatusUnauthorized, code, header)
			assert.Contains(t, text, `"reason":"wrong_token"`)
		}
	}
	_, text := f.get(t, "/metrics", "Authorization", "Bearer "+secret)
	assert.Contains(t, text, `sputnik_admin_requests_refused_total{reason="wrong_token"} 60`)
	logged := strings.Count(f.log.String(), "reason=wrong_token")
	assert.GreaterOrEqual(t, logged, 1)
	assert.LessOrEqual(t, logged, 1+int(time.Since(began)/time.Second))
	assert.NotContains(t, f.log.String(), secret)
}

func TestProbesMayBeClosed(t *testing.T) {
	f := fly(t, "open_probes: false\ntoken: "+secret, Options{})
	code, _ := f.get(t, "/livez")
	assert.Equal(t, http.StatusUnauthorized, code)
	code, _ = f.get(t, "/livez", "Authorization", "Bearer "+secret)
	assert.Equal(t, http.StatusOK, code)
}

func TestLogin(t *testing.T) {
	f := fly(t, "token: "+secret, Options{})
	form := func(token string) *http.Response {
		return f.do(t, http.MethodPost, "/login", url.Values{"token": {token}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded", "Origin", f.url, "Sec-Fetch-Site", "same-origin")
	}
	wrong := form("wrong")
	defer wrong.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, wrong.StatusCode)
	assert.Empty(t, wrong.Cookies())
	_, text := f.get(t, "/metrics", "Authorization", "Bearer "+secret)
	assert.Contains(t, text, `sputnik_admin_requests_refused_total{reason="wrong_token"} 1`)

	right := form(secret)
	defer right.Body.Close()
	assert.Equal(t, http.StatusSeeOther, right.StatusCode)
	require.Len(t, right.Cookies(), 1)
	cookie := right.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	assert.NotContains(t, cookie.Value, secret)
	_, port, err := net.SplitHostPort(f.listener.Addr().String())
	require.NoError(t, err)
	assert.Equal(t, "sputnik_admin_"+port, cookie.Name, "browsers share cookies between ports")
	code, text := f.get(t, "/status", "Cookie", cookie.String())
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"session":true`)

	resp := f.do(t, http.MethodPost, "/logout", "", "Cookie", cookie.String())
	resp.Body.Close()
	require.Len(t, resp.Cookies(), 1)
	assert.Negative(t, resp.Cookies()[0].MaxAge)
}

func TestForgedAndOldCookies(t *testing.T) {
	s, now := newSessions("1", false), time.Now()
	good := s.begin(now).Value
	assert.True(t, s.valid(good, now.Add(sessionLife-time.Minute)))
	assert.False(t, s.valid(good, now.Add(sessionLife)))
	end, signature, _ := strings.Cut(good, ".")
	for _, forged := range []string{"", ".", end, end + ".", end + "1." + signature, "9" + good, good + "0", "." + signature, newSessions("1", false).begin(now).Value} {
		assert.False(t, s.valid(forged, now), forged)
	}
	tls := newSessions("1", true).begin(now)
	assert.True(t, tls.Secure)
	assert.True(t, strings.HasPrefix(tls.Name, "__Host-"))
}

// Wrong day: a page of another site asks, in a browser that may reach this machine.
func TestCrossSite(t *testing.T) {
	f := fly(t, "", Options{})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"}, // another port
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", "http://127.0.0.1:1"},
	} {
		for method, path := range map[string]string{http.MethodPost: "/stop", http.MethodPut: "/loglevel"} {
			code, text := f.request(t, method, path, "", headers...)
			assert.Equal(t, http.StatusForbidden, code, headers)
			assert.Contains(t, text, `"reason":"cross_site"`)
		}
	}
	code, _ := f.get(t, "/events", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")
	assert.Equal(t, http.StatusForbidden, code, "it would use up the streams")
	code, _ = f.get(t, "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	assert.Equal(t, http.StatusOK, code, "a link")
	code, _ = f.request(t, http.MethodPost, "/stop", "", "Sec-Fetch-Site", "same-origin", "Origin", f.url)
	assert.Equal(t, http.StatusAccepted, code)
	require.NoError(t, f.Wait())
}

// Wrong day: a name of another site resolves to this machine (DNS rebinding).
func TestForeignHost(t *testing.T) {
	f := fly(t, "hosts: [admin.test]", Options{})
	for _, host := range []string{"evil.example", "evil.example:8088", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]:80"} {
		code, text := f.get(t, "/status", "Host", host)
		assert.Equal(t, http.StatusForbidden, code, host)
		assert.Contains(t, text, `"reason":"host"`)
		code, _ = f.get(t, "/livez", "Host", host)
		assert.Equal(t, http.StatusForbidden, code, host)
	}
	c := f.dial(t, "GET /livez HTTP/1.0\r\n\r\n")
	text, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Contains(t, string(text), "200 OK", "a load balancer; browsers name the host")
	for _, host := range []string{"127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8088", "[::1]", "127.9.9.9", "admin.test", "Admin.Test:80"} {
		code, _ := f.get(t, "/status", "Host", host)
		assert.Equal(t, http.StatusOK, code, host)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	f := fly(t, "token: "+secret, Options{})
	for _, path := range []string{"/", "/login", "/status", "/livez", "/nowhere"} {
		resp := f.do(t, http.MethodGet, path, "", "Authorization", "Bearer "+secret)
		resp.Body.Close()
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"), path)
		assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'", path)
		assert.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"), path)
	}
}

// A panic is told of, and harms nobody else.
func TestPanicInARequest(t *testing.T) {
	f := fly(t, "", Options{Reload: func(context.Context) error { panic("oops") }})
	code, text := f.request(t, http.MethodPost, "/reload", "")
	assert.Equal(t, http.StatusInternalServerError, code)
	assert.Contains(t, text, `"reason":"internal"`)
	assert.Contains(t, f.log.String(), "panic=oops")
	code, _ = f.get(t, "/livez")
	assert.Equal(t, http.StatusOK, code)
}
