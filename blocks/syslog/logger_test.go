package syslog

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logger sends by util-linux's program of that name.
func logger(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "logger", args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestLogger(t *testing.T) {
	if _, err := exec.LookPath("logger"); err != nil {
		t.Skip("there is no logger here: install bsdutils")
	}
	stream, gram := socketPath(t), socketPath(t)
	conf := testConf()
	conf.Listen = []string{"127.0.0.1:0", "unix://" + stream, "unixgram://" + gram}
	f := fly(t, conf, nil)
	_, port, err := net.SplitHostPort(f.address(t, "tcp"))
	require.NoError(t, err)
	cases := map[string]struct {
		args              []string
		transport, format string
	}{
		"UDP, RFC 5424":          {[]string{"-n", "127.0.0.1", "-P", port, "-d", "--rfc5424"}, "udp", "rfc5424"},
		"UDP, RFC 3164":          {[]string{"-n", "127.0.0.1", "-P", port, "-d", "--rfc3164"}, "udp", "rfc3164"},
		"TCP, RFC 5424":          {[]string{"-n", "127.0.0.1", "-P", port, "-T", "--rfc5424"}, "tcp", "rfc5424"},
		"TCP, octets, RFC 5424":  {[]string{"-n", "127.0.0.1", "-P", port, "-T", "--rfc5424", "--octet-count"}, "tcp", "rfc5424"},
		"TCP, octets, RFC 3164":  {[]string{"-n", "127.0.0.1", "-P", port, "-T", "--rfc3164", "--octet-count"}, "tcp", "rfc3164"},
		"Unix datagrams, local":  {[]string{"-u", gram}, "unixgram", "rfc3164"},
		"Unix datagrams, 5424":   {[]string{"-u", gram, "--rfc5424"}, "unixgram", "rfc5424"},
		"Unix stream, RFC 5424":  {[]string{"-u", stream, "--rfc5424"}, "unix", "rfc5424"},
		"Unix stream, local one": {[]string{"-u", stream}, "unix", "rfc3164"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			logger(t, append(c.args, "-p", "mail.err", "-t", "app", "hello "+name)...)
			r := f.next(t)
			assert.Equal(t, "hello "+name, r.Message)
			assert.Equal(t, c.transport, r.Transport)
			assert.Equal(t, c.format, r.Format)
			assert.Equal(t, "app", r.App)
			assert.Equal(t, "mail.err", r.Subject())
			stamp, err := time.Parse(time.RFC3339Nano, r.Timestamp)
			require.NoError(t, err)
			assert.WithinDuration(t, r.Received, stamp, time.Minute)
		})
	}
}
