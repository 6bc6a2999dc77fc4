package embedded

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

func TestListenerAsksWhoItIs(t *testing.T) {
	ca := testkit.NewAuthority(t)
	cert, key := ca.Issue("either") // side has it
	secure := func(c *Conf) { c.TLSCert, c.TLSKey = cert, key }
	cases := map[string]struct {
		change func(*Conf)
		good   []nats.Option
		bad    []nats.Option
	}{
		"user": {
			func(c *Conf) { c.User, c.Password = "u", "secret" },
			[]nats.Option{nats.UserInfo("u", "secret")},
			[]nats.Option{nats.UserInfo("u", "wrong")},
		},
		"token": {
			func(c *Conf) { c.Token = "secret" },
			[]nats.Option{nats.Token("secret")},
			nil,
		},
		"TLS": {
			secure,
			[]nats.Option{nats.RootCAs(ca.File)},
			[]nats.Option{nats.Secure()},
		},
		"TLS and token": {
			func(c *Conf) { secure(c); c.Token = "secret" },
			[]nats.Option{nats.RootCAs(ca.File), nats.Token("secret")},
			[]nats.Option{nats.RootCAs(ca.File)},
		},
		"client certificate": {
			func(c *Conf) { secure(c); c.TLSCA = ca.File },
			[]nats.Option{nats.RootCAs(ca.File), nats.ClientCert(cert, key)},
			[]nats.Option{nats.RootCAs(ca.File)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := DefaultConf()
			conf.Store, conf.Listen = t.TempDir(), "127.0.0.1:0"
			c.change(&conf)
			require.NoError(t, conf.check())
			b := start(t, conf)
			defer func() { require.NoError(t, b.Stop()) }()

			nc, err := nats.Connect(b.ClientURL(), c.good...)
			require.NoError(t, err)
			nc.Close()
			_, err = nats.Connect(b.ClientURL(), c.bad...)
			require.Error(t, err)
			nc, err = nats.Connect("", nats.InProcessServer(b)) // needs no login
			require.NoError(t, err)
			nc.Close()
		})
	}
}
