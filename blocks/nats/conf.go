package nats

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// ConfName is the name of the configuration of the connection and the stream.
const ConfName = "nats"

// Conf is the configuration of the connection and the stream, which connector and blocks share.
type Conf struct {
	// URLs of the NATS servers, such as nats://host:4222 or tls://host:4222. None: the embedded broker.
	URLs []string `koanf:"urls"`
	// Name of the connection, as the server shows it.
	Name string `koanf:"name"`
	// User and Password, or Token, or Creds (a file), if the server asks for them.
	User     string `koanf:"user"`
	Password string `koanf:"password"`
	Token    string `koanf:"token"`
	Creds    string `koanf:"creds"`
	// TLSCA is a file with the certificates that the server's is checked against. Empty: the system's.
	TLSCA string `koanf:"tls_ca"`
	// ConnectTimeout limits an attempt to connect, the check of the stream included.
	ConnectTimeout time.Duration `koanf:"connect_timeout"`
	// AckTimeout is how long an acknowledgement may take until the connection counts as broken.
	AckTimeout time.Duration `koanf:"ack_timeout"`

	// Stream is the name of the stream. It is made where it doesn't exist; one that exists is never changed.
	Stream string `koanf:"stream"`
	// Subject is the first part of all subjects; the stream takes "<subject>.>".
	Subject string `koanf:"subject"`
	// Duplicates is how long the stream recognises a message that is published again.
	Duplicates time.Duration `koanf:"duplicates"`
	// Replicas, MaxAge and MaxBytes of the stream; 0 is no limit. The oldest messages are removed first.
	Replicas int           `koanf:"replicas"`
	MaxAge   time.Duration `koanf:"max_age"`
	MaxBytes int64         `koanf:"max_bytes"`

	// Store is the embedded broker's folder.
	Store string `koanf:"store"`
	// Sync says when the embedded broker writes through to the disk. "interval" is every two minutes: a crash of the
	// machine (not of the process) loses acknowledged messages of that time. "always" is before each acknowledgement,
	// about 20 times slower.
	Sync string `koanf:"sync"`
	// Listen is the address at which the embedded broker serves other NATS clients, without authentication. Empty: none.
	Listen string `koanf:"listen"`
}

// Values of Conf.Sync.
const (
	SyncInterval = "interval"
	SyncAlways   = "always"
)

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{
		Name:           "syslog2nats",
		ConnectTimeout: 3 * time.Second,
		AckTimeout:     5 * time.Second,
		Stream:         "SYSLOG",
		Subject:        "syslog",
		Duplicates:     2 * time.Minute,
		Replicas:       1,
		Store:          "syslog2nats-data",
		Sync:           SyncInterval,
	}
}

// Embedded tells whether the broker is in this process.
func (c Conf) Embedded() bool { return len(c.URLs) == 0 }

// ReadConf reads and checks the configuration; what is absent has its default.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(ConfName, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c Conf) check() error {
	var errs []error
	bad := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, &sputnik.ConfError{Name: ConfName, Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	for i, u := range c.URLs { // not shown: there may be a password in it
		bad(validURL(u), "urls", "number %d is not a URL such as nats://host:4222 (or tls, ws, wss)", i+1)
	}
	readable := func(key, file string) {
		if file != "" {
			_, err := os.ReadFile(file)
			bad(err == nil, key, "%w", err)
		}
	}
	readable("creds", c.Creds)
	readable("tls_ca", c.TLSCA)
	bad(c.Sync == SyncInterval || c.Sync == SyncAlways, "sync", "%q is neither %q nor %q", c.Sync, SyncInterval, SyncAlways)
	bad(c.Store != "" || !c.Embedded(), "store", "is empty")
	if c.Listen != "" {
		bad(validAddress(c.Listen), "listen", "%q is not an address such as 127.0.0.1:4222", c.Listen)
		bad(c.Embedded(), "listen", "is for the embedded broker, but there are urls")
	}
	bad(validSubject(c.Subject), "subject", "%q is not a subject", c.Subject)
	bad(c.Stream != "" && !strings.ContainsAny(c.Stream, " \t\r\n.*>/\\"), "stream", "%q is not a stream's name", c.Stream)
	bad(c.Duplicates >= 100*time.Millisecond, "duplicates", "%s is less than the 100ms that NATS wants", c.Duplicates)
	bad(c.MaxAge == 0 || c.MaxAge >= c.Duplicates, "max_age", "%s is less than duplicates (%s)", c.MaxAge, c.Duplicates)
	bad(c.MaxBytes >= 0, "max_bytes", "%d is negative", c.MaxBytes)
	bad(c.Replicas >= 1 && c.Replicas <= 5, "replicas", "%d is not 1 to 5", c.Replicas)
	bad(c.Replicas == 1 || !c.Embedded(), "replicas", "%d need as many servers, and the broker is embedded", c.Replicas)
	bad(c.ConnectTimeout > 0, "connect_timeout", "%s is not positive", c.ConnectTimeout)
	bad(c.AckTimeout > 0, "ack_timeout", "%s is not positive", c.AckTimeout)
	return errors.Join(errs...)
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)
}

func validAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// validSubject tells whether s can be published to: tokens with dots in between, no wildcards, no spaces.
func validSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\x00") {
			return false
		}
	}
	return true
}

func redacted(urls []string) string {
	shown := make([]string, len(urls))
	for i, u := range urls {
		shown[i] = "nats"
		if parsed, err := url.Parse(u); err == nil {
			shown[i] = parsed.Redacted()
		}
	}
	return strings.Join(shown, ", ")
}
