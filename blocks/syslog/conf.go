package syslog

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Name is the name under which the block is registered.
const Name = "syslog"

// Conf is the configuration of the block.
type Conf struct {
	// Listen is the address, for UDP and TCP alike. Port 0 takes a free one; the log says which.
	Listen string `koanf:"listen"`
	// To is the responsibility of the block that gets the records.
	To string `koanf:"to"`
	// MaxLine is the longest line in bytes; a longer one is cut and marked as truncated. An octet count over 16 times
	// as much ends the connection.
	MaxLine int `koanf:"max_line"`
	// MaxConn is how many TCP connections are served at a time; one more is closed at once.
	MaxConn int `koanf:"max_conn"`
	// Idle is how long a TCP connection may send nothing before it is closed.
	Idle time.Duration `koanf:"idle"`
	// Drain is how long, at finish, each connection is still read for what has arrived already.
	Drain time.Duration `koanf:"drain"`
	// UDPQueue is how many datagrams may wait for the receiving block; what comes on top is dropped.
	UDPQueue int `koanf:"udp_queue"`
	// UDPQueueBytes bounds the same queue in bytes.
	UDPQueueBytes int `koanf:"udp_queue_bytes"`
	// UDPBuffer is the kernel's receive buffer in bytes, as far as the kernel grants it (net.core.rmem_max).
	UDPBuffer int `koanf:"udp_buffer"`
	// Timezone is that of RFC 3164 timestamps, which don't name theirs: "Local", "UTC" or an IANA name.
	Timezone string `koanf:"timezone"`
	// KeepRaw adds the line as it came to every record, not only to those that could not be parsed.
	KeepRaw bool `koanf:"keep_raw"`
}

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf {
	return Conf{
		Listen:        "127.0.0.1:5514",
		To:            "nats.producer",
		MaxLine:       65 << 10, // 64 KiB of text and its header
		MaxConn:       1000,
		Idle:          5 * time.Minute,
		Drain:         200 * time.Millisecond,
		UDPQueue:      10_000,
		UDPQueueBytes: 16 << 20,
		UDPBuffer:     4 << 20,
		Timezone:      "Local",
	}
}

// ReadConf reads and checks the configuration; what is absent has its default.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c Conf) check() error {
	var errs []error
	bad := func(ok bool, key, format string, args ...any) {
		if !ok {
			errs = append(errs, &sputnik.ConfError{Name: Name, Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	within := func(key string, value, top int) {
		bad(value >= 1 && value <= top, key, "%d is not 1 to %d", value, top)
	}
	bad(validAddress(c.Listen), "listen", "%q is not an address such as 127.0.0.1:5514", c.Listen)
	_, err := time.LoadLocation(c.Timezone)
	bad(err == nil, "timezone", "%w", err)
	bad(c.To != "", "to", "is empty")
	within("max_line", c.MaxLine, 64<<20) // NATS' own limit for a message
	within("max_conn", c.MaxConn, 1_000_000)
	within("udp_queue", c.UDPQueue, 1_000_000) // 80 bytes each, also while it is empty
	within("udp_queue_bytes", c.UDPQueueBytes, 1<<30)
	within("udp_buffer", c.UDPBuffer, 1<<30)
	bad(c.Idle > 0, "idle", "%s is not positive", c.Idle)
	bad(c.Drain > 0, "drain", "%s is not positive", c.Drain)
	return errors.Join(errs...)
}

func validAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}
