package conf

import (
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfReadsAllFormatsAlike(t *testing.T) {
	files := map[string]string{
		"yaml": `
region: eu
BURST: 3
max_conn: 9007199254740993
kname: k
plain: p
ratio: 2
on: true
wait: 5s
waitptr: 0s
urls: [a, b]
waits: [1s, "0"]
tls: {cert: c}
tls_ptr: {key: k}
peers: [{cert: x}, {key: y}]
labels: {Team.A: x, team.a: y, Max_Conn: z}
limits: {X: {Cert: q}}
any: {Deep: [1]}
addr: 10.0.0.1
ip: 10.0.0.2
level: WARN
big: "123456789012345678901234567890"
when: 2026-11-20T10:00:00Z
id: ab
pair: [1, 2]
hosts: {10.0.0.3: 7}
f32: 0.1
u64: 18446744073709551615
`,
		"json": `{"region":"eu","BURST":3,"max_conn":9007199254740993,"kname":"k","plain":"p","ratio":2,"on":true,
"wait":"5s","waitptr":"0s","urls":["a","b"],"waits":["1s","0"],"tls":{"cert":"c"},"tls_ptr":{"key":"k"},
"peers":[{"cert":"x"},{"key":"y"}],"labels":{"Team.A":"x","team.a":"y","Max_Conn":"z"},"limits":{"X":{"Cert":"q"}},
"any":{"Deep":[1]},"addr":"10.0.0.1","ip":"10.0.0.2","level":"WARN","big":"123456789012345678901234567890",
"when":"2026-11-20T10:00:00Z","id":"ab","pair":[1,2],"hosts":{"10.0.0.3":7},"f32":0.1,"u64":18446744073709551615}`,
		"toml": `
region = "eu"
BURST = 3
max_conn = 9007199254740993
kname = "k"
plain = "p"
ratio = 2
on = true
wait = "5s"
waitptr = "0s"
urls = ["a", "b"]
waits = ["1s", "0"]
tls.cert = "c"
addr = "10.0.0.1"
ip = "10.0.0.2"
level = "WARN"
big = "123456789012345678901234567890"
when = 2026-11-20T10:00:00Z
id = "ab"
pair = [1, 2]
hosts = {"10.0.0.3" = 7}
f32 = 0.1
[tls_ptr]
key = "k"
[[peers]]
cert = "x"
[[peers]]
key = "y"
[labels]
"Team.A" = "x"
"team.a" = "y"
Max_Conn = "z"
[limits.X]
Cert = "q"
[any]
Deep = [1]
`,
	}
	for ext, text := range files {
		t.Run(ext, func(t *testing.T) {
			var got confAll
			require.NoError(t, readOne(ext, text, &got))
			zero, ten := time.Duration(0), new(big.Int)
			ten.SetString("123456789012345678901234567890", 10)
			require.True(t, got.When.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)))
			got.When = time.Time{}
			require.Contains(t, fmt.Sprint(got.Any), "Deep:[1]")
			got.Any = nil
			want := confAll{
				confBase: confBase{"eu"}, Extra: confLimits{Burst: 3}, MaxConn: 9007199254740993, KName: "k", Plain: "p",
				Ratio: 2, On: true, Wait: 5 * time.Second, WaitPtr: &zero, Urls: []string{"a", "b"},
				Waits: []time.Duration{time.Second, 0}, TLS: confTLS{Cert: "c"}, TLSPtr: &confTLS{Key: "k"},
				Peers:  []confTLS{{Cert: "x"}, {Key: "y"}},
				Labels: map[string]string{"Team.A": "x", "team.a": "y", "Max_Conn": "z"},
				Limits: map[string]confTLS{"X": {Cert: "q"}},
				Addr:   netip.MustParseAddr("10.0.0.1"), IP: net.ParseIP("10.0.0.2"), Level: slog.LevelWarn, Big: ten,
				ID: uuidLike{'a', 'b'}, Pair: [2]int{1, 2}, Hosts: map[netip.Addr]int{netip.MustParseAddr("10.0.0.3"): 7},
				F32: 0.1, U64: math.MaxUint64,
			}
			if ext == "toml" {
				want.U64 = 0 // TOML's integers end at 2^63
			}
			require.Equal(t, want, got)
			require.Empty(t, got.hidden)
		})
	}
}

func TestConfKeepsDatesInFreeForm(t *testing.T) {
	var free map[string]any
	require.NoError(t, readOne("toml", "t = 07:32:00\nd = 2026-01-02\nl = 2026-01-02T07:32:00\n[[x]]\nz = 2026-01-02T07:32:00Z", &free))
	require.Equal(t, "map[d:2026-01-02 l:2026-01-02T07:32:00 t:07:32:00 x:[map[z:2026-01-02 07:32:00 +0000 UTC]]]", fmt.Sprint(free))
	require.NoError(t, readOne("yaml", "y: 2026-01-02\nn: [~, {e: }]", &free))
	require.Equal(t, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), free["y"])
	require.Equal(t, []any{nil, map[string]any{"e": nil}}, free["n"])
}

func TestConfYAMLMarkersOfOneDocument(t *testing.T) {
	for _, text := range []string{"---\non: true", "# note\n%YAML 1.1\n---\non: true\n...\n", "on: true\n---\n# end", "on: true\n# ---", "on: true\nplain: '\n  ---\n  '"} {
		var got confAll
		require.NoError(t, readOne("yaml", text, &got), text)
		require.True(t, got.On)
	}
	for _, text := range []string{"---\non: true\n---\non: false", "on: true\r\n---\r\non: false", "--- {on: true}\n--- {on: false}"} {
		require.ErrorContains(t, readOne("yaml", text, &confAll{}), "more than one document", text)
	}
}

func TestConfEmptyFileIsConfigured(t *testing.T) {
	for ext, text := range map[string]string{"yaml": "# nothing\n", "yml": "", "json": " \n", "toml": "\xef\xbb\xbf# nothing"} {
		require.NoError(t, readOne(ext, text, &confAll{}), ext)
	}
}
