package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// tlsConfig reads the certificates; what it returns is worth nothing where f has faults of it.
func (c *Conf) tlsConfig(f *fault.List) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	certPEM, certErr := os.ReadFile(c.TLSCert)
	f.Err("tls_cert", certErr)
	keyPEM, keyErr := os.ReadFile(c.TLSKey)
	f.Err("tls_key", keyErr)
	if certErr == nil && keyErr == nil {
		cert, err := tls.X509KeyPair(certPEM, keyPEM)
		f.Unless(err == nil, "tls_cert", "%s with the key %s: %w", c.TLSCert, c.TLSKey, err)
		config.Certificates = []tls.Certificate{cert}
	}
	if c.TLSClientCA != "" {
		pool, err := access.CertPool(c.TLSClientCA)
		f.Err("tls_client_ca", err)
		config.ClientCAs, config.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return config
}

// warnOfExpiry tells of a server certificate that clients are going to refuse.
func (r *receiver) warnOfExpiry(config *tls.Config, now time.Time) {
	cert := config.Certificates[0].Leaf
	if now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		r.log.Warn("the server's certificate is not valid now: clients are going to refuse it",
			"file", r.conf.TLSCert, "from", cert.NotBefore, "until", cert.NotAfter)
	}
}

// handshake makes TLS of a connection, within the time of a frame.
func (c *conn) handshake(config *tls.Config) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.r.conf.FrameTimeout)
	defer cancel()
	secure := tls.Server(c.stream, config)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		c.stream = secure
		return true
	}
	if c.finishing() || errors.Is(err, io.EOF) { // the latter is how a load balancer checks that somebody listens
		return false
	}
	c.r.count.handshakes.Add(1)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("not complete after %s (frame_timeout)", c.r.conf.FrameTimeout)
	}
	args := []any{"error", err}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(invalid.UnverifiedCertificates) > 0 {
		cert := invalid.UnverifiedCertificates[0]
		args = append(args, "client_certificate", brief(cert.Subject.String()), "valid_until", cert.NotAfter)
	}
	c.warn("TLS handshake failed", args...)
	return false
}
