package syslog

import (
	"errors"
	"io/fs"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Name is the name under which the block is registered.
const Name = "syslog"

// Conf is the configuration of the block.
type Conf struct {
	Listen []string `koanf:"listen" doc:"addresses: udp://, tcp://, tls://, relp://, relp+tls://host:port, unix:///path, unixgram:///path, systemd:[name]; host:port alone is UDP and TCP; port 0 takes a free one, which the log tells"`
	To     string   `koanf:"to" doc:"responsibility of the block that gets the records"`

	Facilities   []string `koanf:"facilities" doc:"facilities that pass, such as auth, mail, local0; empty: all"`
	Severity     string   `koanf:"severity" doc:"least severe that passes: emerg, alert, crit, err, warning, notice, info, debug"`
	DropUnparsed bool     `koanf:"drop_unparsed" doc:"true: lines that no parser takes don't pass, either"`

	MaxLine        int           `koanf:"max_line" doc:"longest line in bytes; a longer one is cut and marked truncated, an octet count over 16 times as much ends the connection"`
	MaxConn        int           `koanf:"max_conn" doc:"connections at a time, of all listeners; one more is closed at once"`
	MaxConnPerPeer int           `koanf:"max_conn_per_peer" doc:"connections at a time from one IP address; 0: no limit"`
	Idle           time.Duration `koanf:"idle" doc:"a connection that sends nothing for so long is closed, and most senders lose their next line by that; a peer that is gone is found much sooner"`
	FrameTimeout   time.Duration `koanf:"frame_timeout" doc:"a line that has begun has to be complete within this time, a TLS handshake too; else the connection is closed"`
	Drain          time.Duration `koanf:"drain" doc:"at the finish, how long what has arrived is still read, up to 1s"`

	TLSCert     string `koanf:"tls_cert" doc:"file: the server's certificate and its chain, PEM; needed by tls:// and relp+tls://"`
	TLSKey      string `koanf:"tls_key" doc:"file: its private key, PEM"`
	TLSClientCA string `koanf:"tls_client_ca" doc:"file: certificates, PEM, by one of which a client's has to be signed; empty: clients need none"`

	SocketMode string `koanf:"socket_mode" doc:"permissions of the Unix sockets, octal, in quotes"`

	UDPQueue      int `koanf:"udp_queue" doc:"datagrams that may wait for the receiving block, for each socket; what comes on top is dropped and counted"`
	UDPQueueBytes int `koanf:"udp_queue_bytes" doc:"the same limit in bytes"`
	UDPBuffer     int `koanf:"udp_buffer" doc:"the kernel's receive buffer in bytes, as far as the kernel grants it (net.core.rmem_max)"`

	Timezone string `koanf:"timezone" doc:"of RFC 3164 timestamps, which don't name theirs: Local, UTC or an IANA name"`
	KeepRaw  bool   `koanf:"keep_raw" doc:"true: the line as it came in every record, not only where it could not be parsed"`
}

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{
		Listen:        []string{"127.0.0.1:5514"},
		To:            "nats.producer",
		Severity:      "debug",
		MaxLine:       65 << 10, // 64 KiB of text and its header
		MaxConn:       1000,
		Idle:          24 * time.Hour, // a line is lost by most senders that are closed: see the README
		FrameTimeout:  30 * time.Second,
		Drain:         200 * time.Millisecond,
		SocketMode:    "0660",
		UDPQueue:      10_000,
		UDPQueueBytes: 16 << 20,
		UDPBuffer:     4 << 20,
		Timezone:      "Local",
	}
}

// ReadConf reads and checks the configuration; what is absent has its default. All faults are reported, each a
// *[sputnik.ConfError]; those of the files that it names, too.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	err := conf.check()
	return conf, err
}
