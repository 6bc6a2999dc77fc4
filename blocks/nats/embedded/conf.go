package embedded

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// Name is the name under which the block is registered and configured.
const Name = "nats.embedded"

// Values of Conf.Sync.
const (
	SyncInterval = "interval"
	SyncAlways   = "always"
)

// Conf says how the broker keeps its messages, who can reach it, and what it is connected to.
type Conf struct {
	ServerName string `koanf:"name" doc:"name of the server, as clients and the hub see it; of several edges at one hub, each needs its own"`

	Store         string        `koanf:"store" doc:"folder of the streams; one process at a time can use it"`
	StoreMaxBytes int64         `koanf:"store_max_bytes" doc:"bytes that all streams together may take; 0: three quarters of the space that is free at the start"`
	Sync          string        `koanf:"sync" doc:"when an acknowledged message is on the disk for sure: always (before it is acknowledged, about 20 times slower), or interval (a crash of the machine, not of the process, may lose what was stored since the last time)"`
	SyncInterval  time.Duration `koanf:"sync_interval" doc:"time between two writes through to the disk where sync is interval, such as 2m"`

	Listen   string `koanf:"listen" doc:"address for other clients, such as 127.0.0.1:4222; beyond the loopback only with user, token or tls_ca; empty: only this process can connect"`
	User     string `koanf:"user" doc:"user name that other clients have to give, with password"`
	Password string `koanf:"password" doc:"password of user"`
	Token    string `koanf:"token" doc:"token that other clients have to give, in place of user and password"`
	TLSCert  string `koanf:"tls_cert" doc:"file with the server's certificate (PEM) for other clients, with tls_key; empty: no TLS"`
	TLSKey   string `koanf:"tls_key" doc:"file with the key (PEM) of tls_cert"`
	TLSCA    string `koanf:"tls_ca" doc:"file with certificates (PEM) that other clients' own have to be signed by; empty: they need none"`

	Domain    string   `koanf:"domain" doc:"JetStream domain, by which the hub tells this broker's streams from others; needed with leaf"`
	Leaf      []string `koanf:"leaf" doc:"URLs of the leaf node port of the hub's servers, such as tls://user:password@hub:7422; streams here go on without it"`
	LeafCreds string   `koanf:"leaf_creds" doc:"file with the JWT and NKey seed for leaf"`
	LeafCA    string   `koanf:"leaf_tls_ca" doc:"file with the certificates (PEM) that the hub's is checked against; empty: the system's"`
	LeafLocal []string `koanf:"leaf_local" doc:"subjects that don't go to the hub by themselves, such as syslog.>: what a stream here takes, and a stream of the hub would take too"`
}

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{ServerName: "sputnik", Store: "nats-data", Sync: SyncInterval, SyncInterval: 2 * time.Minute}
}

// ReadConf reads and checks the configuration; what is absent has its default. Its error joins all faults, each a
// *sputnik.ConfError.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c Conf) check() error {
	f := fault.Of(Name)
	f.Unless(c.ServerName != "" && !strings.ContainsAny(c.ServerName, " \t\r\n"), "name", "%q is empty or has a space in it", c.ServerName)
	f.Unless(c.Store != "", "store", "is empty")
	f.Unless(c.StoreMaxBytes >= 0, "store_max_bytes", "%d is negative", c.StoreMaxBytes)
	f.Unless(c.Sync == SyncInterval || c.Sync == SyncAlways, "sync", "%q is neither %q nor %q", c.Sync, SyncInterval, SyncAlways)
	f.Unless(c.SyncInterval >= time.Second, "sync_interval", "%s is less than 1s", c.SyncInterval)
	c.checkListen(f)
	c.checkLeaf(f)
	return f.Join()
}

// checkReach is what Start insists on, too: nobody gets in by mistake.
func (c Conf) checkReach() error {
	f := fault.Of(Name)
	c.checkListen(f)
	return f.Join()
}

func (c Conf) checkListen(f *fault.List) {
	host, _, err := access.HostPort(c.Listen)
	f.Unless(c.Listen == "" || err == nil, "listen", "%q is not an address such as 127.0.0.1:4222", c.Listen)
	f.Unless(err != nil || access.Loopback(host) || c.guarded(), "listen",
		"%q can be reached from other machines: configure user and password, token, or tls_ca", c.Listen)
	f.Unless(c.User == "" || c.Token == "", "token", "is one way to log in, user another: choose")
	f.Unless((c.User == "") == (c.Password == ""), "password", "user and password need each other")
	f.Unless(c.Listen != "" || !c.guarded() && c.TLSCert == "", "listen", "is empty, so nobody could use user, token or tls_cert")
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		f.Unless(false, "tls_cert", "tls_cert and tls_key need each other")
	case c.TLSCert != "":
		_, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		f.Err("tls_cert", err)
	}
	f.Unless(c.TLSCA == "" || c.TLSCert != "", "tls_ca", "needs tls_cert: there is no TLS without it")
	checkCA(f, "tls_ca", c.TLSCA)
}

func (c Conf) checkLeaf(f *fault.List) {
	f.Unless(!strings.ContainsAny(c.Domain, " .*>\t\r\n"), "domain", "%q is not one token of a subject", c.Domain)
	for i, text := range c.Leaf { // not shown: there may be a password in it
		_, err := leafURL(text)
		f.Unless(err == nil, "leaf", "number %d is not a URL such as nats://hub:7422 (or tls, ws, wss)", i+1)
	}
	f.Unless(len(c.Leaf) == 0 || c.Domain != "", "domain", "is empty, and leaf needs one that differs from the hub's")
	f.Unless(len(c.Leaf) > 0 || c.LeafCreds == "" && c.LeafCA == "" && len(c.LeafLocal) == 0, "leaf",
		"is empty, so nobody could use leaf_creds, leaf_tls_ca or leaf_local")
	if c.LeafCreds != "" {
		_, err := os.ReadFile(c.LeafCreds)
		f.Err("leaf_creds", err)
	}
	checkCA(f, "leaf_tls_ca", c.LeafCA)
	for _, subject := range c.LeafLocal {
		f.Unless(server.IsValidSubject(subject), "leaf_local", "%q is not a subject such as syslog.>", subject)
	}
}

func checkCA(f *fault.List, key, file string) {
	if file != "" {
		_, err := access.CertPool(file)
		f.Err(key, err)
	}
}

// guarded tells whether a client has to say who it is.
func (c Conf) guarded() bool { return c.User != "" || c.Token != "" || c.TLSCA != "" }

func leafURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && (u.Hostname() == "" || !slices.Contains([]string{"nats", "nats-leaf", "tls", "ws", "wss"}, u.Scheme)) {
		err = errors.New("no host, or an unknown scheme")
	}
	return u, err
}
