package embedded

import (
	"crypto/tls"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
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
	host, port, err := access.HostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %s: %w", c.Listen, err)
	}
	opts.DontListen, opts.Host, opts.Port = false, host, int(port)
	if port == 0 {
		opts.Port = server.RANDOM_PORT // 0 is the default one
	}
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
		opts.TLSConfig.ClientCAs, err = access.CertPool(c.TLSCA)
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
		pool, err := access.CertPool(c.LeafCA)
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
		return access.Same(given.Username, g.conf.User) && access.Same(given.Password, g.conf.Password)
	case g.conf.Token != "":
		return access.Same(given.Token, g.conf.Token)
	default:
		return client.GetTLSConnectionState() != nil
	}
}

// redacted shows the urls without users.
func redacted(urls []string) []string {
	shown := make([]string, len(urls))
	for i, text := range urls {
		shown[i] = access.Redacted(text)
	}
	return shown
}
