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
)

// tlsConfig reads the certificates.
func (c *Conf) tlsConfig() (*tls.Config, faultList) {
	var l faultList
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	certPEM, err := os.ReadFile(c.TLSCert)
	if err != nil {
		l.add("tls_cert", err)
	}
	keyPEM, err := os.ReadFile(c.TLSKey)
	if err != nil {
		l.add("tls_key", err)
	}
	if len(l) == 0 {
		cert, err := tls.X509KeyPair(certPEM, keyPEM)
		if err != nil {
			l.add("tls_cert", fmt.Errorf("%s with the key %s: %w", c.TLSCert, c.TLSKey, err))
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if c.TLSClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if config.ClientCAs, err = access.CertPool(c.TLSClientCA); err != nil {
			l.add("tls_client_ca", err)
		}
	}
	return config, l
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
