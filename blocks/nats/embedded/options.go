package embedded

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

const tlsTimeout = 5 // seconds, for a handshake

func (c Conf) options(store string) (*server.Options, error) {
	opts := &server.Options{
		ServerName:        c.ServerName,
		DontListen:        true,
		NoSigs:            true,
		JetStream:         true,
		StoreDir:          store,
		JetStreamMaxStore: c.StoreMaxBytes,
		JetStreamDomain:   c.Domain,
		SyncAlways:        c.Sync == SyncAlways,
		SyncInterval:      c.SyncInterval,
	}
	if c.Listen != "" {
		if err := c.listener(opts); err != nil {
			return nil, err
		}
	}
	if len(c.Leaf) > 0 {
		remote, err := c.leaf()
		if err != nil {
			return nil, err
		}
		opts.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
	}
	return opts, nil
}

func (c Conf) listener(opts *server.Options) error {
	host, port, err := hostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %s: %w", c.Listen, err)
	}
	opts.DontListen, opts.Host, opts.Port = false, host, port
	if c.guarded() {
		opts.CustomClientAuthentication = guard{c}
	}
	if c.TLSCert == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	opts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	opts.TLSTimeout = tlsTimeout
	if c.TLSCA != "" {
		opts.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
		opts.TLSConfig.ClientCAs, err = readCA(c.TLSCA)
	}
	return err
}

func (c Conf) leaf() (*server.RemoteLeafOpts, error) {
	remote := &server.RemoteLeafOpts{Credentials: c.LeafCreds, DenyImports: c.LeafLocal, DenyExports: c.LeafLocal}
	for i, text := range c.Leaf {
		u, err := leafURL(text)
		if err != nil {
			return nil, fmt.Errorf("leaf: number %d is not a URL", i+1)
		}
		remote.TLS = remote.TLS || u.Scheme == "tls" || u.Scheme == "wss"
		remote.URLs = append(remote.URLs, u)
	}
	if c.LeafCA != "" {
		pool, err := readCA(c.LeafCA)
		if err != nil {
			return nil, err
		}
		remote.TLS, remote.TLSConfig = true, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return remote, nil
}

// guard lets this process in, and others who know the secret. Client certificates are checked before, by TLS.
type guard struct{ conf Conf }

// Check implements server.Authentication.
func (g guard) Check(client server.ClientAuthentication) bool {
	if peer := client.RemoteAddress(); peer != nil && peer.Network() == "pipe" {
		return true // net.Pipe: only this process can make one
	}
	given := client.GetOpts()
	switch {
	case g.conf.User != "":
		return same(given.Username, g.conf.User) && same(given.Password, g.conf.Password)
	case g.conf.Token != "":
		return same(given.Token, g.conf.Token)
	default:
		return client.GetTLSConnectionState() != nil
	}
}

// same takes as long for a wrong secret as for the right one.
func same(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func readCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate (PEM) in it", file)
	}
	return pool, nil
}

// redacted shows the urls without users: one without a password is a token.
func redacted(urls []string) []string {
	shown := make([]string, len(urls))
	for i, text := range urls {
		if u, err := url.Parse(text); err == nil {
			u.User = nil
			shown[i] = u.String()
		}
	}
	return shown
}
