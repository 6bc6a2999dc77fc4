// Package access tells who can reach a block, who gets in, and whom it trusts; and keeps their secrets.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// HostPort takes an address host:port apart. A port is a number, 0 that of any free one.
func HostPort(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err
}

// Loopback tells whether a host, without a port, is this machine for itself only. In doubt it is not: a name other than
// localhost may stand for anything, as may an address in a form that only some resolvers know, such as 127.1.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	// Not EqualFold: it takes the long s of localhoſt, which is some other name, for an s.
	return err == nil && ip.Zone() == "" && ip.IsLoopback() || strings.ToLower(host) == "localhost"
}

// Same takes as long for a wrong secret as for the right one, however much of it is right.
func Same(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// CertPool reads the certificates, PEM, of the authorities that the other side's certificate is checked against.
func CertPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// Redacted is a URL without its user, who without a password is a token; empty where the text is none.
func Redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}
