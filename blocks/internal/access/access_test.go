package access

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "0:0:0:0:0:0:0:1": true, "::ffff:127.0.0.1": true,
		"localhost": true, "LocalHost": true,

		"": false, "0.0.0.0": false, "::": false, "::ffff:0.0.0.0": false, // everybody
		"::1%lo": false, "::ffff:127.0.0.1%eth0": false, "fe80::1%lo": false, // a zone is an interface
		"127.1": false, "127.0.0.01": false, "2130706433": false, "0x7f000001": false, // only some resolvers know these
		"localhost.": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "localhoſt": false, "myhost": false,
		"[::1]": false, "127.0.0.1:80": false, "localhost:80": false, // not a host alone
		"128.0.0.1": false, "10.0.0.1": false, "2001:db8::1": false, "::127.0.0.1": false,
	} {
		assert.Equal(t, want, Loopback(host), "%q", host)
	}
}

func TestHostPort(t *testing.T) {
	for address, want := range map[string]struct {
		host string
		port uint16
	}{
		"127.0.0.1:80": {"127.0.0.1", 80}, "[::1]:0": {"::1", 0}, ":65535": {"", 65535}, "host:00": {"host", 0},
	} {
		host, port, err := HostPort(address)
		require.NoError(t, err, address)
		assert.Equal(t, want.host, host)
		assert.Equal(t, want.port, port)
	}
	for _, address := range []string{"", "127.0.0.1", "::1:80", "host:", "host:http", "host:65536", "host:-1", "host:+1", "a:b:1"} {
		_, _, err := HostPort(address)
		assert.Error(t, err, "%q", address)
	}
}

func TestSame(t *testing.T) {
	assert.True(t, Same("secret", "secret"))
	for _, wrong := range []string{"", "Secret", "secre", "secret ", "secret\x00"} {
		assert.False(t, Same(wrong, "secret"), "%q", wrong)
	}
}

func TestCertPoolNamesTheFile(t *testing.T) {
	_, err := CertPool("/nowhere.pem")
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "junk.pem")
	require.NoError(t, os.WriteFile(file, []byte("junk"), 0o600))
	_, err = CertPool(file)
	assert.EqualError(t, err, file+" holds no certificate in PEM form")
}

func TestRedacted(t *testing.T) {
	for text, want := range map[string]string{
		"nats://user:secret@host:4222": "nats://host:4222", "tls://token@host": "tls://host", "nats://host": "nats://host",
		"nats://user:secret@host:x": "", // not a URL: it isn't known where the secret is
	} {
		assert.Equal(t, want, Redacted(text))
	}
}
