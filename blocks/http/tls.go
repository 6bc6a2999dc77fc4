package httpin

import (
	"crypto/tls"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// tlsConfig is nil where no TLS is configured; worth nothing where f has faults of it.
func (c Conf) tlsConfig(f *fault.List) *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.TLSClientCA != "" {
		f.Unless(c.TLSCert != "", "tls_client_ca", "client certificates need TLS: set tls_cert and tls_key")
		pool, err := access.CertPool(c.TLSClientCA)
		f.Err("tls_client_ca", err)
		conf.ClientCAs, conf.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil
	case c.TLSCert == "":
		f.Unless(false, "tls_cert", "is empty, and there is a tls_key")
	case c.TLSKey == "":
		f.Unless(false, "tls_key", "is empty, and there is a tls_cert")
	default:
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		f.Err("tls_cert", err) // it names the file
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf
}
