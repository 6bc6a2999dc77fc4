package conf

import (
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// confDir writes files into a new folder. Arguments alternate: name, content.
func confDir(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600))
	}
	return dir
}

type sources struct {
	Defaults  fs.FS
	Path      string
	Environ   []string
	EnvPrefix string
}

type reader func(name string, result any) error

func newReader(src sources) (reader, error) {
	r, errs := New(src.Defaults, src.Path, src.Environ, src.EnvPrefix)
	if len(errs) > 0 {
		return nil, join(errs)
	}
	return func(name string, result any) error { return join(r.Read(name, result)) }, nil
}

func join(errs []*Error) error {
	var joined []error
	for _, e := range errs {
		joined = append(joined, e)
	}
	return errors.Join(joined...)
}

func mustReader(t *testing.T, src sources) reader {
	t.Helper()
	cf, err := newReader(src)
	require.NoError(t, err)
	return cf
}

// readOne decodes one file's text into result.
func readOne(ext, text string, result any) error {
	cf, err := newReader(sources{Defaults: fstest.MapFS{"b." + ext: {Data: []byte(text)}}})
	if err != nil {
		return err
	}
	return cf("b", result)
}

type confBase struct {
	Region string `koanf:"region"`
}

type confTLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

type uuidLike [2]byte

func (u *uuidLike) UnmarshalText(text []byte) error {
	if len(text) != 2 {
		return errors.New("want two characters")
	}
	copy(u[:], text)
	return nil
}

type confAll struct {
	confBase
	Extra   confLimits `koanf:",squash"`
	MaxConn int        `koanf:"max_conn"`
	KName   string     `koanf:"kName"`
	Plain   string
	Ratio   float64       `koanf:"ratio"`
	On      bool          `koanf:"on"`
	Wait    time.Duration `koanf:"wait"`
	WaitPtr *time.Duration
	Urls    []string          `koanf:"urls"`
	Waits   []time.Duration   `koanf:"waits"`
	TLS     confTLS           `koanf:"tls"`
	TLSPtr  *confTLS          `koanf:"tls_ptr"`
	Peers   []confTLS         `koanf:"peers"`
	Labels  map[string]string `koanf:"labels"`
	Limits  map[string]confTLS
	Any     any        `koanf:"any"`
	Addr    netip.Addr `koanf:"addr"`
	IP      net.IP     `koanf:"ip"`
	IPs     []net.IP   `koanf:"ips"`
	Level   slog.Level `koanf:"level"`
	Big     *big.Int   `koanf:"big"`
	When    time.Time  `koanf:"when"`
	ID      uuidLike   `koanf:"id"`
	Pair    [2]int     `koanf:"pair"`
	Hosts   map[netip.Addr]int
	I8      int8           `koanf:"i8"`
	U8      uint8          `koanf:"u8"`
	I64     int64          `koanf:"i64"`
	U64     uint64         `koanf:"u64"`
	F32     float32        `koanf:"f32"`
	Ignored string         `koanf:"-"`
	Func    func()         `koanf:"func"`
	Next    *confAll       `koanf:"next"`
	Map     map[string]any `koanf:"map"`
	hidden  string
}

type confLimits struct{ Burst, Rate int }
