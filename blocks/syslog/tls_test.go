package syslog

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

func (f *flight) dialTLS(t *testing.T, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c, err := tls.Dial("tcp", f.address(t, transportTLS), config)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	f := fly(t, a.conf("tls"), nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := a.Client("")
		config.MinVersion, config.MaxVersion = version, version
		c, err := f.dialTLS(t, config)
		require.NoError(t, err)
		text := fmt.Sprintf("by %x", version)
		send(t, c, fmt.Sprintf("%d %s%s", len(head+text), head, text)) // RFC 5425 counts octets
		r := f.next(t)
		assert.Equal(t, text, r.Message)
		assert.Equal(t, "tls", r.Transport)
		assert.Equal(t, c.LocalAddr().String(), r.Peer)
	}
	config := a.Client("")
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, err := f.dialTLS(t, config)
	require.Error(t, err, "TLS 1.1 is too old")
	f.log.await(t, `WARN msg="TLS handshake failed" error=.*version.* peer=127`)
	require.NoError(t, f.finish())
}

func TestTLSClientCertificates(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	conf := a.conf("tls")
	conf.TLSClientCA = a.File
	f := fly(t, conf, nil)

	good, err := f.dialTLS(t, a.Client("good"))
	require.NoError(t, err)
	send(t, good, head+"good\n")
	assert.Equal(t, "good", f.next(t).Message)

	expired := a.Client("")
	cert, err := tls.LoadX509KeyPair(a.IssueUntil("expired", time.Now().Add(-time.Hour)))
	require.NoError(t, err)
	expired.Certificates = []tls.Certificate{cert}
	foreign := stranger.Client("foreign")
	foreign.RootCAs = a.Pool
	for name, c := range map[string]struct {
		config *tls.Config
		logged string
	}{
		"none":    {a.Client(""), `didn't provide a certificate`},
		"expired": {expired, `certificate has expired.*client_certificate="?CN=expired"? valid_until=`},
		"foreign": {foreign, `signed by unknown authority.*client_certificate="?CN=foreign"?`},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := f.dialTLS(t, c.config)
			if err == nil { // in TLS 1.3 a client learns of it when it reads
				_, _ = conn.Write([]byte(head + "bad\n"))
				awaitClose(t, conn)
			}
			f.log.await(t, `WARN msg="TLS handshake failed" error=.*`+c.logged+`.*peer=127`)
		})
	}
	assert.EqualValues(t, 3, f.count.handshakes.Load())
	send(t, good, head+"still\n")
	assert.Equal(t, "still", f.next(t).Message, "and nothing of the others")
}

// Clients that don't go on with their handshakes hold up nobody, and not for long.
func TestTLSHandshakesAreLimitedAndApart(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	conf := a.conf("tls")
	conf.FrameTimeout = 1500 * time.Millisecond
	f := fly(t, conf, nil)
	var silent []net.Conn
	for i := range 10 {
		c := f.dial(t, "tls")
		if i%2 == 0 {
			send(t, c, "\x16\x03\x01\x02\x00") // begins, and falls silent
		}
		silent = append(silent, c)
	}
	c, err := f.dialTLS(t, a.Client(""))
	require.NoError(t, err)
	send(t, c, head+"served\n")
	assert.Equal(t, "served", f.next(t).Message)
	for _, c := range silent {
		awaitClose(t, c)
	}
	f.log.await(t, `TLS handshake failed" error="not complete after 1.5s \(frame_timeout\)" peer=`)
	plain := f.dial(t, "tls")
	send(t, plain, head+"in plain text\n")
	awaitClose(t, plain)
	f.log.await(t, `TLS handshake failed" error="tls: first record does not look like a TLS handshake"`)
}

func TestTLSFilesAreCheckedAtInit(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	cert, key := a.Issue("server")
	_, otherKey := b.Issue("other")
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	require.NoError(t, os.WriteFile(garbage, []byte("no PEM"), 0o600))
	cases := map[string]struct{ cert, key, ca, want string }{
		"no certificate":  {"/nowhere.pem", key, "", `key "tls_cert": open /nowhere.pem`},
		"no key":          {cert, "/nowhere.pem", "", `key "tls_key": open /nowhere.pem`},
		"another's key":   {cert, otherKey, "", "private key does not match public key"},
		"no PEM":          {garbage, key, "", "failed to find any PEM data in certificate input"},
		"no authority":    {cert, key, "/nowhere.pem", `key "tls_client_ca": open /nowhere.pem`},
		"empty authority": {cert, key, garbage, "holds no certificate in PEM"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := a.conf("tls")
			conf.TLSCert, conf.TLSKey, conf.TLSClientCA = c.cert, c.key, c.ca
			require.ErrorContains(t, newReceiver(discard()).Init(confOf(conf)), c.want)
		})
	}
}

func TestServerCertificateThatHasExpiredIsToldAtInit(t *testing.T) {
	a := newAuthority(t)
	conf := a.conf("tls")
	conf.TLSCert, conf.TLSKey = a.IssueUntil("server", time.Now().Add(-time.Hour))
	f := fly(t, conf, nil)
	f.log.await(t, `WARN msg="the server's certificate is not valid now`)
}

func TestTLSFinishDeliversWhatHasArrived(t *testing.T) {
	a := newAuthority(t)
	gate := make(chan bool)
	conf := a.conf("tls")
	conf.Drain = time.Nanosecond
	f := fly(t, conf, gate)
	c, err := f.dialTLS(t, a.Client(""))
	require.NoError(t, err)
	send(t, c, strings.Repeat(head+"x\n", 500))
	gate <- true
	close(gate)
	require.NoError(t, f.finish())
	assert.Len(t, f.records, 500)
}

// TLS answers a client's key update while it reads, which one that takes no answers could hold up for ever.
func TestTLSClientThatAsksForKeyUpdatesAndReadsNothing(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	r := newReceiver(discard())
	r.conf = a.conf("tls")
	r.conf.FrameTimeout = 200 * time.Millisecond
	r.conf.Idle = 400 * time.Millisecond
	f := fault.Of(Name)
	config := r.conf.tlsConfig(f)
	require.NoError(t, f.Join())
	config.SessionTicketsDisabled = true
	client, server := net.Pipe() // has no buffer at all
	c := (&streamServer{r: r, transport: transportTLS}).newConn(server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if c.handshake(config) {
			readLines(c)
		}
	}()
	var keys bytes.Buffer
	clientConfig := a.Client("")
	clientConfig.KeyLogWriter = &keys
	secure := tls.Client(client, clientConfig)
	require.NoError(t, secure.Handshake())
	require.Equal(t, tls.TLS_AES_128_GCM_SHA256, secure.ConnectionState().CipherSuite)
	_, err := client.Write(keyUpdate(t, keys.String()))
	require.NoError(t, err)
	select {
	case <-ended:
		assert.EqualValues(t, 1, r.count.idle.Load())
	case <-time.After(patience):
		assert.Fail(t, "it hangs")
		server.Close()
		<-ended
	}
}

// keyUpdate is the first record of a TLS 1.3 client after the handshake: "take new keys, and tell me so". crypto/tls
// sends none by itself.
func keyUpdate(t *testing.T, keyLog string) []byte {
	t.Helper()
	_, after, _ := strings.Cut(keyLog, "CLIENT_TRAFFIC_SECRET_0 ")
	secret, err := hex.DecodeString(strings.Fields(after)[1])
	require.NoError(t, err)
	expand := func(label string, size int) []byte { // RFC 8446, 7.1
		label = "tls13 " + label
		key, err := hkdf.Expand(sha256.New, secret, string([]byte{0, byte(size), byte(len(label))})+label+"\x00", size)
		require.NoError(t, err)
		return key
	}
	block, err := aes.NewCipher(expand("key", 16))
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	const keyUpdate, updateRequested, handshake, applicationData = 24, 1, 22, 23
	text := []byte{keyUpdate, 0, 0, 1, updateRequested, handshake}
	header := []byte{applicationData, 3, 3, 0, byte(len(text) + aead.Overhead())}
	return aead.Seal(header, expand("iv", 12), text, header)
}
