package syslog

import (
	"testing"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

type authority struct{ *testkit.Authority }

func newAuthority(t *testing.T) authority {
	t.Helper()
	return authority{testkit.NewAuthority(t)}
}

// conf is a configuration of a TLS listener.
func (a authority) conf(scheme string) Conf {
	conf := testConf()
	conf.Listen = []string{scheme + "://127.0.0.1:0"}
	conf.TLSCert, conf.TLSKey = a.Issue("server")
	return conf
}
