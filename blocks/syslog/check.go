package syslog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// faultList collects what is wrong with a configuration.
type faultList []error

func (l *faultList) add(key string, err error) {
	*l = append(*l, &sputnik.ConfError{Name: Name, Key: key, Err: err})
}

func (l *faultList) unless(ok bool, key, format string, args ...any) {
	if !ok {
		l.add(key, fmt.Errorf(format, args...))
	}
}

func (l *faultList) within(key string, value, low, top int) {
	l.unless(value >= low && value <= top, key, "%d is not %d to %d", value, low, top)
}

func (c *Conf) check() error {
	var l faultList
	c.checkListen(&l)
	c.checkFilter(&l)
	_, err := time.LoadLocation(c.Timezone)
	l.unless(err == nil, "timezone", "%w", err)
	_, err = c.socketMode()
	l.unless(err == nil, "socket_mode", "%q is not an octal mode such as 0660", c.SocketMode)
	l.unless(c.To != "", "to", "is empty")
	l.within("max_line", c.MaxLine, 1, 64<<20) // NATS' own limit for a message
	l.within("max_conn", c.MaxConn, 1, 1_000_000)
	l.within("max_conn_per_peer", c.MaxConnPerPeer, 0, 1_000_000)
	l.within("udp_queue", c.UDPQueue, 1, 1_000_000) // 100 bytes each, also while it is empty
	l.within("udp_queue_bytes", c.UDPQueueBytes, 1, 1<<30)
	l.within("udp_buffer", c.UDPBuffer, 1, 1<<30)
	l.unless(c.Idle > 0, "idle", "%s is not positive", c.Idle)
	l.unless(c.FrameTimeout > 0, "frame_timeout", "%s is not positive", c.FrameTimeout)
	l.unless(c.Drain > 0 && c.Drain <= longestDrain, "drain", "%s is not more than 0s and at most %s", c.Drain, longestDrain)
	return errors.Join(l...)
}

func (c *Conf) checkListen(l *faultList) {
	l.unless(len(c.Listen) > 0, "listen", "%w", errNothingToListen)
	parsed, faults := endpoints(c.Listen)
	for _, i := range slices.Sorted(maps.Keys(faults)) {
		l.add(fmt.Sprintf("listen[%d]", i), faults[i])
	}
	encrypted := slices.IndexFunc(parsed, func(e endpoint) bool { return e.tls })
	named := c.TLSCert != "" || c.TLSKey != "" || c.TLSClientCA != ""
	switch {
	case encrypted < 0 && named:
		l.add("listen", errors.New("no address is tls:// or relp+tls://, but a certificate is configured: what is sent would come in plain text"))
	case encrypted >= 0 && (c.TLSCert == "" || c.TLSKey == ""):
		l.unless(c.TLSCert != "", "tls_cert", "is empty: %q needs a certificate", c.Listen[encrypted])
		l.unless(c.TLSKey != "", "tls_key", "is empty: %q needs the certificate's private key", c.Listen[encrypted])
	case encrypted >= 0:
		_, faults := c.tlsConfig()
		*l = append(*l, faults...)
	}
}

func (c *Conf) checkFilter(l *faultList) {
	for i, name := range c.Facilities {
		l.unless(slices.Contains(facilities[:], name), fmt.Sprintf("facilities[%d]", i),
			"%q is none of %s", name, strings.Join(facilities[:], ", "))
	}
	l.unless(c.Severity == "" || slices.Contains(severities[:], c.Severity), "severity",
		"%q is none of %s", c.Severity, strings.Join(severities[:], ", "))
}

func (c *Conf) socketMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(c.SocketMode, 8, 9)
	return fs.FileMode(mode), err
}
