package syslog

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func confOf(c Conf) sputnik.ConfFactory {
	return func(_ string, result any) error {
		*result.(*Conf) = c
		return nil
	}
}

func TestConfIsCheckedAllAtOnce(t *testing.T) {
	_, err := ReadConf(confOf(DefaultConf()))
	require.NoError(t, err)
	low := Conf{
		Listen: []string{"5514", "x://y", "unix://relative"}, Timezone: "Nowhere/Land", SocketMode: "rw", MaxConnPerPeer: -1,
		Facilities: []string{"auth", "authentication"}, Severity: "warn",
	}
	high := DefaultConf()
	high.Listen = []string{"127.0.0.1:65536"}
	high.Drain = longestDrain + 1
	high.MaxLine, high.MaxConn, high.UDPQueue, high.UDPQueueBytes, high.UDPBuffer = math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt
	plain := DefaultConf()
	plain.TLSCert = "cert.pem"
	empty := DefaultConf()
	empty.Listen = nil
	twice := DefaultConf()
	twice.Listen = []string{
		"127.0.0.1:514", "127.0.0.1:514", "relp://127.0.0.1:514", "udp://127.0.0.1:514", "unix:///run/log", "unixgram:///run//log",
		"systemd:", "systemd+relp:", "systemd:a", "systemd+tls:a",
		"127.0.0.1:0", "127.0.0.1:0", "udp://127.0.0.1:515", "tcp://127.0.0.1:515", "systemd:b", // these are right
	}
	twice.TLSCert, twice.TLSKey = newAuthority(t).Issue("server")
	bare := DefaultConf()
	bare.Listen = []string{"tls://:6514"}
	absent := bare
	absent.TLSCert, absent.TLSKey, absent.TLSClientCA = "/nowhere/cert.pem", "/nowhere/key.pem", "/nowhere/ca.pem"
	cases := map[string]struct {
		conf Conf
		keys []string
	}{
		"too low": {low, []string{
			"listen[0]", "listen[1]", "listen[2]", "to", "timezone", "socket_mode", "max_line", "max_conn", "max_conn_per_peer", "idle",
			"frame_timeout", "drain", "udp_queue", "udp_queue_bytes", "udp_buffer", "facilities[1]", "severity",
		}},
		"too high":              {high, []string{"listen[0]", "max_line", "max_conn", "udp_queue", "udp_queue_bytes", "udp_buffer", "drain"}},
		"a certificate, no TLS": {plain, []string{"listen"}},
		"nothing to listen":     {empty, []string{"listen"}},
		"one address twice":     {twice, []string{"listen[1]", "listen[2]", "listen[3]", "listen[5]", "listen[7]", "listen[9]"}},
		"TLS, no certificate":   {bare, []string{"tls_cert", "tls_key"}},
		"no such files":         {absent, []string{"tls_cert", "tls_key", "tls_client_ca"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ReadConf(confOf(c.conf))
			var all interface{ Unwrap() []error }
			require.ErrorAs(t, err, &all)
			var keys []string
			for _, fault := range all.Unwrap() {
				e, ok := errors.AsType[*sputnik.ConfError](fault)
				require.True(t, ok, fault)
				assert.Equal(t, Name, e.Name)
				keys = append(keys, e.Key)
			}
			assert.ElementsMatch(t, c.keys, keys)
		})
	}
}

func TestConfOfFilesAndVariables(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "syslog.yaml"),
		[]byte("listen: [udp://127.0.0.1:0, 'tcp://[::1]:0']\nseverity: notice\nsocket_mode: '0600'\n"), 0o600))
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{
		Path: folder, EnvPrefix: "T", Environ: []string{"T_SYSLOG_FACILITIES=auth,mail", "T_SYSLOG_MAX_CONN_PER_PEER=7", "T_SYSLOG_FRAME_TIMEOUT=3s"},
	})
	require.NoError(t, err)
	conf, err := ReadConf(cf)
	require.NoError(t, err)
	assert.Equal(t, []string{"udp://127.0.0.1:0", "tcp://[::1]:0"}, conf.Listen)
	assert.Equal(t, []string{"auth", "mail"}, conf.Facilities)
	assert.Equal(t, 7, conf.MaxConnPerPeer)
	mode, err := conf.socketMode()
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), mode)
}

func confKeys() (keys []string) {
	for f := range reflect.TypeFor[Conf]().Fields() {
		keys = append(keys, f.Tag.Get("koanf"))
	}
	return keys
}

func TestConfDocumentsEachKey(t *testing.T) {
	for f := range reflect.TypeFor[Conf]().Fields() {
		assert.NotEmpty(t, f.Tag.Get("koanf"), f.Name)
		assert.NotEmpty(t, f.Tag.Get("doc"), f.Name)
	}
}

func TestEndpoints(t *testing.T) {
	good := map[string]endpoint{
		"127.0.0.1:5514":                       {"", "127.0.0.1:5514", false, false},
		":514":                                 {"", ":514", false, false},
		"udp://[::]:514":                       {"udp", "[::]:514", false, false},
		"tcp://host:601":                       {"tcp", "host:601", false, false},
		"tls://:6514":                          {"tls", ":6514", true, false},
		"relp://:2514":                         {"relp", ":2514", false, true},
		"relp+tls://:2515":                     {"relp+tls", ":2515", true, true},
		"unix:///run/log":                      {"unix", "/run/log", false, false},
		"unixgram:///dev/log":                  {"unixgram", "/dev/log", false, false},
		"systemd:":                             {"systemd", "", false, false},
		"systemd:name":                         {"systemd", "name", false, false},
		"systemd+tls:secure":                   {"systemd", "secure", true, false},
		"systemd+relp+tls:":                    {"systemd", "", true, true},
		"unix:///" + string(make([]byte, 106)): {"unix", "/" + string(make([]byte, 106)), false, false},
	}
	for s, want := range good {
		t.Run(strconv.Quote(s), func(t *testing.T) {
			got, err := parseEndpoint(s)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	for _, s := range []string{
		"", "host", "tcp://host", "tcp://host:514/path", "tcp://host:syslog", "http://host:80", "unix://run/log", "unix:///" + string(make([]byte, 107)),
		"systemd+udp:x", "tls+relp://:1",
	} {
		_, err := parseEndpoint(s)
		require.Error(t, err, s)
	}
}

// Most senders don't learn that they were closed until a line is lost, and some have little to say.
func TestQuietSenderIsNotClosedByDefault(t *testing.T) {
	assert.GreaterOrEqual(t, DefaultConf().Idle, 24*time.Hour)
}
