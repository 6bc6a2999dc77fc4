package syslog

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

// The transports, as a record and the keys of "listen" call them.
const (
	transportUDP      = "udp"
	transportTCP      = "tcp"
	transportTLS      = "tls"
	transportRELP     = "relp"
	transportRELPTLS  = "relp+tls"
	transportUnix     = "unix"
	transportUnixgram = "unixgram"
)

// schemeSystemd takes what a service manager has opened; "systemd+tls", "systemd+relp" and "systemd+relp+tls" say what is
// spoken there.
const schemeSystemd = "systemd"

// endpoint is one entry of "listen".
type endpoint struct {
	scheme  string // a transport or schemeSystemd; empty: UDP and TCP on one port
	address string // host:port, a path, or a name of systemd's
	tls     bool
	relp    bool
}

func parseEndpoint(s string) (endpoint, error) {
	scheme, rest, url := strings.Cut(s, "://")
	if !url {
		if scheme, name, _ := strings.Cut(s, ":"); strings.HasPrefix(scheme, schemeSystemd) {
			return systemdEndpoint(s, scheme, name)
		}
		return endpoint{address: s}, checkHostPort(s)
	}
	e := endpoint{scheme: scheme, address: rest}
	e.tls = scheme == transportTLS || scheme == transportRELPTLS
	e.relp = scheme == transportRELP || scheme == transportRELPTLS
	switch scheme {
	case transportUDP, transportTCP, transportTLS, transportRELP, transportRELPTLS:
		return e, checkHostPort(rest)
	case transportUnix, transportUnixgram:
		return e, checkPath(s, rest)
	}
	return e, fmt.Errorf("%q: unknown scheme: use udp, tcp, tls, relp, relp+tls, unix, unixgram, or systemd: without slashes", s)
}

func systemdEndpoint(s, scheme, name string) (endpoint, error) {
	e := endpoint{scheme: schemeSystemd, address: name}
	switch strings.TrimPrefix(scheme, schemeSystemd) {
	case "":
	case "+tls":
		e.tls = true
	case "+relp":
		e.relp = true
	case "+relp+tls":
		e.relp, e.tls = true, true
	default:
		return e, fmt.Errorf("%q: use systemd:, systemd+tls:, systemd+relp: or systemd+relp+tls:, each with or without a name", s)
	}
	return e, nil
}

func checkHostPort(s string) error {
	if _, _, err := access.HostPort(s); err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:5514, tls://:6514 or unix:///run/log.sock", s)
	}
	return nil
}

func checkPath(s, path string) error {
	const most = 107 // what a socket's address has room for
	switch {
	case !filepath.IsAbs(path):
		return fmt.Errorf("%q: the path has to be absolute, as in unix:///run/log.sock", s)
	case len(path) > most:
		return fmt.Errorf("%q: the path is longer than %d bytes", s, most)
	}
	return nil
}

// endpoints parses the list; at tells which entry an error is of.
func endpoints(list []string) (parsed []endpoint, faults map[int]error) {
	faults = map[int]error{}
	owners := map[string]int{}
	for i, s := range list {
		e, err := parseEndpoint(s)
		if err != nil {
			faults[i] = err
		} else {
			for _, key := range e.takes() {
				if owner, taken := owners[key]; taken {
					faults[i] = fmt.Errorf("%q takes what listen[%d], %q, has taken", s, owner, list[owner])
					break
				}
				owners[key] = i
			}
		}
		parsed = append(parsed, e)
	}
	return parsed, faults
}

// takes tells what no other entry can have.
func (e endpoint) takes() []string {
	switch e.scheme {
	case schemeSystemd:
		return []string{"handed over " + e.address}
	case transportUnix, transportUnixgram:
		return []string{"file " + filepath.Clean(e.address)}
	}
	switch tcp, udp := "tcp "+e.address, "udp "+e.address; {
	case strings.HasSuffix(e.address, ":0"):
		return nil // each gets a port of its own
	case e.scheme == transportUDP:
		return []string{udp}
	case e.scheme == "":
		return []string{tcp, udp}
	default:
		return []string{tcp}
	}
}
