package httpin

import (
	"crypto/tls"
	"errors"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

// tlsConfig is nil where no TLS is configured. Faults are joined, each a *sputnik.ConfError.
func (c Conf) tlsConfig() (*tls.Config, error) {
	var errs []error
	bad := func(key string, err error) { errs = append(errs, &sputnik.ConfError{Name: Name, Key: key, Err: err}) }
	conf := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.TLSClientCA != "" {
		if c.TLSCert == "" {
			bad("tls_client_ca", errors.New("client certificates need TLS: set tls_cert and tls_key"))
		}
		pool, err := access.CertPool(c.TLSClientCA)
		if err != nil {
			bad("tls_client_ca", err)
		}
		conf.ClientCAs, conf.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil, errors.Join(errs...)
	case c.TLSCert == "":
		bad("tls_cert", errors.New("is empty, and there is a tls_key"))
	case c.TLSKey == "":
		bad("tls_key", errors.New("is empty, and there is a tls_cert"))
	default:
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			bad("tls_cert", err) // it names the file
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, errors.Join(errs...)
}
