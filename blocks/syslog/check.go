package syslog

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

func (c *Conf) check() error {
	f := fault.Of(Name)
	c.checkListen(f)
	c.checkFilter(f)
	_, err := time.LoadLocation(c.Timezone)
	f.Err("timezone", err)
	_, err = c.socketMode()
	f.Unless(err == nil, "socket_mode", "%q is not an octal mode such as 0660", c.SocketMode)
	f.Unless(c.To != "", "to", "is empty")
	f.Within("max_line", c.MaxLine, 1, 64<<20) // NATS' own limit for a message
	f.Within("max_conn", c.MaxConn, 1, 1_000_000)
	f.Within("max_conn_per_peer", c.MaxConnPerPeer, 0, 1_000_000)
	f.Within("udp_queue", c.UDPQueue, 1, 1_000_000) // 100 bytes each, also while it is empty
	f.Within("udp_queue_bytes", c.UDPQueueBytes, 1, 1<<30)
	f.Within("udp_buffer", c.UDPBuffer, 1, 1<<30)
	f.Unless(c.Idle > 0, "idle", "%s is not positive", c.Idle)
	f.Unless(c.FrameTimeout > 0, "frame_timeout", "%s is not positive", c.FrameTimeout)
	f.Unless(c.Drain > 0 && c.Drain <= longestDrain, "drain", "%s is not more than 0s and at most %s", c.Drain, longestDrain)
	return f.Join()
}

func (c *Conf) checkListen(f *fault.List) {
	f.Unless(len(c.Listen) > 0, "listen", "is empty: give at least one address, such as 127.0.0.1:5514")
	parsed, faults := endpoints(c.Listen)
	for _, i := range slices.Sorted(maps.Keys(faults)) {
		f.Err(fmt.Sprintf("listen[%d]", i), faults[i])
	}
	encrypted := slices.IndexFunc(parsed, func(e endpoint) bool { return e.tls })
	named := c.TLSCert != "" || c.TLSKey != "" || c.TLSClientCA != ""
	switch {
	case encrypted < 0 && named:
		f.Unless(false, "listen", "no address is tls:// or relp+tls://, but a certificate is configured: what is sent would come in plain text")
	case encrypted >= 0 && (c.TLSCert == "" || c.TLSKey == ""):
		f.Unless(c.TLSCert != "", "tls_cert", "is empty: %q needs a certificate", c.Listen[encrypted])
		f.Unless(c.TLSKey != "", "tls_key", "is empty: %q needs the certificate's private key", c.Listen[encrypted])
	case encrypted >= 0:
		c.tlsConfig(f)
	}
}

func (c *Conf) checkFilter(f *fault.List) {
	for i, name := range c.Facilities {
		f.Unless(slices.Contains(facilities[:], name), fmt.Sprintf("facilities[%d]", i),
			"%q is none of %s", name, strings.Join(facilities[:], ", "))
	}
	f.Unless(c.Severity == "" || slices.Contains(severities[:], c.Severity), "severity",
		"%q is none of %s", c.Severity, strings.Join(severities[:], ", "))
}

func (c *Conf) socketMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(c.SocketMode, 8, 9)
	return fs.FileMode(mode), err
}
