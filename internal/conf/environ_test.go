package conf

import (
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfEnvironment(t *testing.T) {
	dir := confDir(t, "secret", "s3cret \r\n\n", "port", "4222\n")
	env := map[string]string{
		"MAX_CONN": "0514", "KNAME": "k", "RATIO": "1.5", "ON": "T", "WAIT": "5s", "WAITPTR": "0", "URLS": " a, b ,,",
		"WAITS": "1s,2s", "TLS_CERT_FILE": dir + "/secret", "TLS_PTR_KEY": "k", "ADDR": "10.0.0.1", "IP": "10.0.0.2", "IPS": "10.0.0.3",
		"LEVEL": "WARN", "BIG": "12", "WHEN": "2026-11-20T10:00:00Z", "ID": "ab", "PAIR": "1,2", "I8_FILE": dir + "/port",
		"U64": "18446744073709551615", "F32": "0.5", "REGION": "eu", "BURST": "-3", "ANY": "1",
	}
	delete(env, "I8_FILE")
	env["I64_FILE"] = dir + "/port"
	var environ []string
	for key, value := range env {
		environ = append(environ, "S2N_MY_BLOCK_"+key+"="+value)
	}
	environ = append(environ, "S2N_MY_BLOCK_PLAIN=", "junk", "S2N_MY_BLOCK_NEXT_PLAIN=not followed")
	got, zero := confAll{Plain: "kept"}, time.Duration(0)
	require.NoError(t, mustReader(t, sources{Environ: environ, EnvPrefix: "S2N"})("my-block", &got))
	require.True(t, got.When.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)))
	got.When = time.Time{}
	require.Equal(t, confAll{
		confBase: confBase{"eu"}, Extra: confLimits{Burst: -3}, MaxConn: 514, KName: "k", Ratio: 1.5, On: true, Plain: "kept",
		Wait: 5 * time.Second, WaitPtr: &zero, Urls: []string{"a", "b"}, Waits: []time.Duration{time.Second, 2 * time.Second},
		TLS: confTLS{Cert: "s3cret "}, TLSPtr: &confTLS{Key: "k"}, Addr: netip.MustParseAddr("10.0.0.1"), IP: net.ParseIP("10.0.0.2"),
		IPs: []net.IP{net.ParseIP("10.0.0.3")}, Level: slog.LevelWarn, Big: big.NewInt(12), ID: uuidLike{'a', 'b'}, Pair: [2]int{1, 2}, I64: 4222,
		U64: math.MaxUint64, F32: 0.5, Any: "1",
	}, got)
}

func TestConfEnvironmentRefuses(t *testing.T) {
	tests := []struct{ environ, key, want string }{
		{"MAX_CONN=1.0", "max_conn", "want an integer"},
		{"MAX_CONN=0x10", "max_conn", "want an integer"},
		{"MAX_CONN= 1", "max_conn", "want an integer"},
		{"MAX_CONN=99999999999999999999", "max_conn", "out of range for int"},
		{"U8=-1", "u8", "want an integer"},
		{"U8=256", "u8", "out of range for uint8"},
		{"ON=yes", "on", "want true or false"},
		{"RATIO=a", "ratio", "want a number"},
		{"WAIT=5", "wait", `write "5s"`},
		{"WAITS=1s,5", "waits[1]", `write "5s"`},
		{"LABELS=a=b", "labels", "can't be given by a variable"},
		{"PEERS=a", "peers", "can't be given by a variable"},
		{"FUNC=a", "func", "can't be given by a variable"},
		{"ID=abc", "id", "want two characters"},
		{"PAIR=1,x", "pair[1]", "want an integer"},
		{"PAIR=1", "pair", "want a list of 2"},
		{"MAX_CONN=tcp://10.0.0.11:4222", "max_conn", "Kubernetes sets"},
		{"ADDR=tcp://10.0.0.11:4222", "addr", "Kubernetes sets"},
		{"PLAIN_FILE=/nowhere", "Plain", "/nowhere"},
		{"PLAIN_FILE=/", "Plain", "directory"},
	}
	for _, tt := range tests {
		t.Run(tt.environ, func(t *testing.T) {
			var got confAll
			err := mustReader(t, sources{Environ: []string{"B_" + tt.environ}})("b", &got)
			confErr, ok := errors.AsType[*Error](err)
			require.True(t, ok, "%v", err)
			variable, _, _ := strings.Cut("B_"+tt.environ, "=")
			require.Equal(t, []string{variable, "b", tt.key}, []string{confErr.Source, confErr.Name, confErr.Key})
			require.ErrorContains(t, err, tt.want)
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.Equal(t, confAll{}, got)
		})
	}
	err := mustReader(t, sources{Environ: []string{"B_PLAIN=a", "B_PLAIN_FILE=b"}})("b", &confAll{})
	require.ErrorContains(t, err, "B_PLAIN_FILE")
	require.ErrorContains(t, err, "B_PLAIN is set, too")
}

func TestConfEnvironmentFileVariableOfItsOwnField(t *testing.T) {
	var got struct {
		Cert     string `koanf:"cert"`
		CertFile string `koanf:"cert_file"`
	}
	require.NoError(t, mustReader(t, sources{Environ: []string{"B_CERT_FILE=/etc/cert", "B_CERT=inline"}})("b", &got))
	require.Equal(t, "/etc/cert", got.CertFile)
	require.Equal(t, "inline", got.Cert)
}

func TestConfEnvironmentCollisions(t *testing.T) {
	var twoKeys struct {
		TLS     confTLS `koanf:"tls"`
		TLSCert string  `koanf:"tls_cert"`
	}
	err := mustReader(t, sources{Environ: []string{}})("b", &twoKeys)
	require.ErrorContains(t, err, `B_TLS_CERT: block "b": key "tls_cert": stands for key "tls.cert", too`)

	var a struct {
		X string `koanf:"b_c"`
	}
	var ab struct{ C string }
	cf := mustReader(t, sources{Environ: []string{"A_B_C=1"}})
	for range 2 { // the same claim again is fine
		require.NoError(t, cf("a", &a))
	}
	require.ErrorContains(t, cf("a_b", &ab), `A_B_C: block "a_b": key "C": stands for key "b_c" of block "a", too`)

	unset := mustReader(t, sources{Environ: []string{}, Defaults: fstest.MapFS{"a.yaml": {}, "a_b.yaml": {}}})
	require.NoError(t, unset("a", &a))
	require.NoError(t, unset("a_b", &ab))
}

type (
	envChicken struct{ Egg *envEgg }
	envEgg     struct {
		Chicken *envChicken
		Size    int
	}
)

func TestConfEnvironmentOfTypesWithinEachOther(t *testing.T) {
	var got envChicken
	require.NoError(t, mustReader(t, sources{Environ: []string{"B_EGG_SIZE=1", "B_EGG_CHICKEN_EGG_SIZE=2"}})("b", &got))
	require.Equal(t, envChicken{&envEgg{Size: 1}}, got)
}
