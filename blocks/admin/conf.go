package admin

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// Name is the name under which the block is registered and configured.
const Name = "admin"

// Conf is the configuration of the block.
type Conf struct {
	Listen        string        `koanf:"listen" doc:"address to listen on; beyond loopback it takes token or tls_client_ca; port 0 takes a free one"`
	Token         string        `koanf:"token" doc:"secret that every request has to bring, 16 characters or more; better given by the variable ..._TOKEN_FILE"`
	OpenProbes    bool          `koanf:"open_probes" doc:"/livez, /readyz and /startedz need neither token nor client certificate"`
	Hosts         []string      `koanf:"hosts" doc:"further names, without a port, by which browsers may ask while it listens on loopback"`
	TLSCert       string        `koanf:"tls_cert" doc:"file with the server's certificate, PEM; turns on TLS"`
	TLSKey        string        `koanf:"tls_key" doc:"file with the key of tls_cert, PEM"`
	TLSClientCA   string        `koanf:"tls_client_ca" doc:"file with the authorities, PEM, one of which has to have signed the client's certificate"`
	Counters      []string      `koanf:"counters" doc:"responsibilities of the blocks that are asked for their counters"`
	CountersLimit time.Duration `koanf:"counters_limit" doc:"how long an answer waits for counters; then the last ones are told"`
	Events        int           `koanf:"events" doc:"how many of the last events are kept"`
	MaxStreams    int           `koanf:"max_streams" doc:"how many clients may follow /events at a time"`
	MaxConn       int           `koanf:"max_conn" doc:"how many connections are served at a time; one more takes the place of one without a request, or is closed at once"`
}

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{
		Listen:        "127.0.0.1:8088",
		OpenProbes:    true,
		CountersLimit: 250 * time.Millisecond,
		Events:        200,
		MaxStreams:    16,
		MaxConn:       128,
	}
}

// ReadConf reads and checks the configuration; what is absent has its default. It reports all faults at once, each a
// *[sputnik.ConfError].
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

// shortestToken makes guessing hopeless.
const shortestToken = 16

func (c Conf) check() error {
	f := fault.Of(Name)
	host, _, err := access.HostPort(c.Listen)
	f.Unless(err == nil, "listen", "%q is not an address such as 127.0.0.1:8088", c.Listen)
	f.Unless(err != nil || access.Loopback(host) || c.guarded(), "listen",
		"%s can be reached from other machines: give a token (key \"token\"), or tls_client_ca, or listen on 127.0.0.1", c.Listen)
	f.Unless(c.Token == "" || len(c.Token) >= shortestToken, "token", "has %d characters: take %d or more, as of: openssl rand -hex 16", len(c.Token), shortestToken)
	f.Unless(!strings.ContainsFunc(c.Token, notInToken), "token", "has a blank or another character that an HTTP header can't carry")
	for i, name := range c.Hosts {
		f.Unless(name != "" && !strings.ContainsAny(name, "/ :[]"), "hosts", "number %d, %q, is not a name such as admin.example.org", i+1, name)
	}
	for i, resp := range c.Counters {
		f.Unless(resp != "", "counters", "number %d is empty", i+1)
		f.Unless(!slices.Contains(c.Counters[:i], resp), "counters", "%q is there twice", resp)
	}
	_, key, err := c.tls()
	f.Err(key, err)
	f.Unless(c.CountersLimit > 0 && c.CountersLimit <= 5*time.Second, "counters_limit", "%s is not above 0 and up to 5s", c.CountersLimit)
	f.Within("events", c.Events, 1, 100_000)
	f.Within("max_streams", c.MaxStreams, 1, 10_000)
	f.Within("max_conn", c.MaxConn, 1, 100_000)
	f.Unless(c.MaxConn > c.MaxStreams, "max_conn", "%d leaves no connection for anything but the %d streams of max_streams", c.MaxConn, c.MaxStreams)
	return f.Join()
}

func notInToken(r rune) bool { return r <= ' ' || r > '~' }

// guarded tells whether only those who are known get in.
func (c Conf) guarded() bool { return c.Token != "" || c.TLSClientCA != "" }

// tls makes the TLS configuration, nil for none. key says which one an error is about.
func (c Conf) tls() (conf *tls.Config, key string, err error) {
	switch {
	case c.TLSCert == "" && c.TLSKey == "" && c.TLSClientCA == "":
		return nil, "", nil
	case c.TLSCert == "":
		return nil, "tls_cert", errors.New("is missing: tls_key and tls_client_ca need it")
	case c.TLSKey == "":
		return nil, "tls_key", errors.New("is missing: tls_cert and tls_client_ca need it")
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, "tls_cert", err
	}
	conf = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if c.TLSClientCA == "" {
		return conf, "", nil
	}
	if conf.ClientCAs, err = access.CertPool(c.TLSClientCA); err != nil {
		return nil, "tls_client_ca", err
	}
	conf.ClientAuth = tls.RequireAndVerifyClientCert
	if c.OpenProbes {
		conf.ClientAuth = tls.VerifyClientCertIfGiven // a probe has none; the rest is refused one by one
	}
	return conf, "", nil
}
