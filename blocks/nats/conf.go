package nats

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// ConfName is the name of the configuration of the connection and the stream.
const ConfName = "nats"

// Conf is the configuration of the connection and the stream, which connector and blocks share. The files that it names
// are read anew for each connection, so what they hold may be replaced while the process runs.
type Conf struct {
	URLs []string `koanf:"urls" doc:"URLs of the NATS servers of one cluster, such as nats://host:4222 or tls://host:4222; none: the broker in this process"`
	Name string   `koanf:"name" doc:"name of the connection, as the server shows it"`

	User     string `koanf:"user" doc:"user name, with password"`
	Password string `koanf:"password" doc:"password of user"`
	Token    string `koanf:"token" doc:"token, in place of user and password"`
	Creds    string `koanf:"creds" doc:"file with a user's JWT and NKey seed, as nsc makes it"`
	NKeySeed string `koanf:"nkey_seed" doc:"file with an NKey seed: it signs the server's challenge, alone or for jwt"`
	JWT      string `koanf:"jwt" doc:"a user's JWT itself; with nkey_seed, unless it is a bearer token"`
	JWTFile  string `koanf:"jwt_file" doc:"file with a user's JWT, in place of jwt"`

	TLSCA         string `koanf:"tls_ca" doc:"file with the certificates (PEM) that the server's is checked against; empty: the system's"`
	TLSCert       string `koanf:"tls_cert" doc:"file with the client's certificate (PEM), if the server asks for one; with tls_key"`
	TLSKey        string `koanf:"tls_key" doc:"file with the key (PEM) of tls_cert"`
	TLSServerName string `koanf:"tls_server_name" doc:"name that the server's certificate has to be for; empty: the host of the url"`

	ConnectTimeout time.Duration `koanf:"connect_timeout" doc:"limit of an attempt to connect, with the check of the stream, such as 3s"`
	AckTimeout     time.Duration `koanf:"ack_timeout" doc:"how long an acknowledgement may take until the connection counts as broken, such as 5s"`

	Stream     string        `koanf:"stream" doc:"name of the stream, needed; made where it doesn't exist, never changed where it does"`
	Subject    string        `koanf:"subject" doc:"first part of all subjects, needed; the stream takes \"<subject>.>\""`
	Duplicates time.Duration `koanf:"duplicates" doc:"how long a stream that is made here recognises a message that is published again, such as 2m"`
	Replicas   int           `koanf:"replicas" doc:"servers that keep a copy of a stream that is made here, 1 to 5"`
	MaxAge     time.Duration `koanf:"max_age" doc:"age at which a stream that is made here removes messages, such as 720h; 0: never"`
	MaxBytes   int64         `koanf:"max_bytes" doc:"bytes over which a stream that is made here removes the oldest messages; 0: no limit"`
}

// DefaultConf is what holds where nothing is configured. Stream and Subject have no default.
func DefaultConf() Conf {
	return Conf{
		Name:           "sputnik",
		ConnectTimeout: 3 * time.Second,
		AckTimeout:     5 * time.Second,
		Duplicates:     2 * time.Minute,
		Replicas:       1,
	}
}

// Embedded tells whether the broker is in this process.
func (c Conf) Embedded() bool { return len(c.URLs) == 0 }

// ReadConf reads and checks the configuration; what is absent has its default. Its error joins all faults, each a
// *sputnik.ConfError.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(ConfName, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c Conf) check() error {
	f := fault.Of(ConfName)
	for i, u := range c.URLs { // not shown: there may be a password in it
		f.Unless(validURL(u), "urls", "number %d is not a URL such as nats://host:4222 (or tls, ws, wss)", i+1)
	}
	c.checkLogin(f)
	c.checkTLS(f)
	f.Unless(c.Subject != "", "subject", "is missing: the first part of all subjects, such as orders for orders.>")
	f.Unless(c.Subject == "" || validSubject(c.Subject), "subject", "%q is not a subject", c.Subject)
	f.Unless(c.Stream != "", "stream", "is missing: the name of the stream, such as ORDERS; it is made where it doesn't exist")
	f.Unless(!strings.ContainsAny(c.Stream, " \t\r\n.*>/\\"), "stream", "%q is not a stream's name", c.Stream)
	f.Unless(c.Duplicates >= 100*time.Millisecond, "duplicates", "%s is less than the 100ms that NATS wants", c.Duplicates)
	f.Unless(c.MaxAge == 0 || c.MaxAge >= c.Duplicates, "max_age", "%s is less than duplicates (%s)", c.MaxAge, c.Duplicates)
	f.Unless(c.MaxBytes >= 0, "max_bytes", "%d is negative", c.MaxBytes)
	f.Unless(c.Replicas >= 1 && c.Replicas <= 5, "replicas", "%d is not 1 to 5", c.Replicas)
	f.Unless(c.Replicas == 1 || !c.Embedded(), "replicas", "%d need as many servers, and the broker is embedded", c.Replicas)
	f.Unless(c.ConnectTimeout > 0, "connect_timeout", "%s is not positive", c.ConnectTimeout)
	f.Unless(c.AckTimeout > 0, "ack_timeout", "%s is not positive", c.AckTimeout)
	return f.Join()
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)
}

// maxSubject keeps a publication's control line below the 4096 bytes over which a server ends the connection.
const maxSubject = 3000 // bytes

// validSubject tells whether s can be published to: tokens with dots in between, no wildcards, no spaces.
func validSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\f\x00") {
			return false
		}
	}
	return len(s) <= maxSubject
}

// redacted shows the urls without users.
func redacted(urls ...string) string {
	shown := make([]string, len(urls))
	for i, u := range urls {
		shown[i] = cmp.Or(access.Redacted(u), "nats")
	}
	return strings.Join(shown, ", ")
}
