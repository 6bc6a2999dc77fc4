package httpin

import (
	"errors"
	"io/fs"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Name is the name under which the block is registered and configured.
const Name = "http"

// Conf is the configuration of the block.
type Conf struct {
	Listen string `koanf:"listen" doc:"address host:port to listen on; beyond loopback only with token or tls_client_ca"`
	Path   string `koanf:"path" doc:"path that messages are POSTed to"`

	To              string            `koanf:"to" doc:"responsibility of the block that gets the messages, listed before this one"`
	Subject         string            `koanf:"subject" doc:"subject of messages whose request's path names none, tokens with dots in between"`
	SubjectFromPath bool              `koanf:"subject_from_path" doc:"true: elements of the request's path behind path are the subject"`
	Fields          map[string]string `koanf:"fields" doc:"more fields for the receiving block's subject template, name to header:X-Name or query:name"`

	Wait          string        `koanf:"wait" doc:"accepted: answer when the receiving block has taken the messages; stored: when it has stored them"`
	AcceptTimeout time.Duration `koanf:"accept_timeout" doc:"how long a request waits for room in the receiving block, then 429"`
	StoredTimeout time.Duration `koanf:"stored_timeout" doc:"how long a request waits for its messages to be stored, then 504"`
	RetryAfter    time.Duration `koanf:"retry_after" doc:"what 429 and 503 tell clients to wait, in whole seconds"`

	MaxWaiting      int `koanf:"max_waiting" doc:"requests that may wait for room at a time, one more is answered 429 at once"`
	MaxPendingBytes int `koanf:"max_pending_bytes" doc:"bytes of all request bodies held at a time, beyond it 429"`
	MaxBody         int `koanf:"max_body" doc:"bytes of a request's body"`
	MaxMessage      int `koanf:"max_message" doc:"bytes of a message"`
	MaxBatch        int `koanf:"max_batch" doc:"messages in a request"`
	MaxConn         int `koanf:"max_conn" doc:"connections at a time; one more takes the place of one that has sent no request, or is closed at once"`

	Token       []string `koanf:"token" doc:"bearer tokens, any of them is accepted (two while one replaces the other); none: no token is asked for"`
	TLSCert     string   `koanf:"tls_cert" doc:"file with the server's certificate chain (PEM); empty: no TLS"`
	TLSKey      string   `koanf:"tls_key" doc:"file with its private key (PEM)"`
	TLSClientCA string   `koanf:"tls_client_ca" doc:"file with CA certificates (PEM); clients need a certificate of one of them; empty: they need none"`

	HeaderTimeout time.Duration `koanf:"header_timeout" doc:"how long a request's header, or a TLS handshake, may take to arrive"`
	ReadTimeout   time.Duration `koanf:"read_timeout" doc:"how long a request may take to arrive, its body included, then 408"`
	IdleTimeout   time.Duration `koanf:"idle_timeout" doc:"a connection without a request for so long is closed"`
}

// Values of Conf.Wait.
const (
	WaitAccepted = "accepted"
	WaitStored   = "stored"
)

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{
		Listen:          "127.0.0.1:8080",
		Path:            "/v1/messages",
		To:              "nats.producer",
		Subject:         "http",
		SubjectFromPath: true,
		Wait:            WaitAccepted,
		AcceptTimeout:   5 * time.Second,
		StoredTimeout:   10 * time.Second,
		RetryAfter:      time.Second,
		MaxWaiting:      1000,
		MaxPendingBytes: 64 << 20,
		MaxBody:         4 << 20,
		MaxMessage:      1_000_000, // with headers below the megabyte that NATS takes by default
		MaxBatch:        10_000,
		MaxConn:         2000,
		HeaderTimeout:   5 * time.Second,
		ReadTimeout:     30 * time.Second,
		IdleTimeout:     time.Minute,
	}
}

// ReadConf reads and checks the configuration; what is absent has its default. All faults are reported at once, each a
// [*sputnik.ConfError].
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}
