package nats

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

var (
	_ sputnik.ServerConnector  = (*Connector)(nil)
	_ sputnik.ContextConnector = (*Connector)(nil)
	_ sputnik.PushConnector    = (*Connector)(nil)
)

func TestConnectorAcrossAKilledServer(t *testing.T) {
	server := brokertest.Start(t)
	conf := testConf()
	conf.URLs = []string{server.URL}
	cf := confOf(conf, ProducerConf{})
	c := NewConnector(slog.New(slog.DiscardHandler), nil)
	assert.False(t, c.IsConnected())
	assert.Nil(t, c.Broken())

	first, err := c.Connect(cf)
	require.NoError(t, err)
	assert.True(t, c.IsConnected())
	again, err := c.Connect(cf)
	require.NoError(t, err)
	assert.Same(t, first, again, "while connected, the same")

	server.Kill()
	require.Error(t, <-c.Broken())
	assert.False(t, c.IsConnected())
	c.Disconnect()
	_, err = c.Connect(cf)
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, server.URL)

	server.Restart(t)
	second, err := c.Connect(cf)
	require.NoError(t, err)
	assert.NotSame(t, first, second)
	assert.True(t, c.IsConnected())
	c.Disconnect()
	assert.False(t, c.IsConnected())
	c.Disconnect()
}

// listen accepts, and never says a word.
func listen(t *testing.T) net.Listener {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	return silent
}

func TestConnectorEndsWithItsContext(t *testing.T) {
	silent := listen(t)
	conf := testConf()
	conf.URLs = []string{"nats://" + silent.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewConnector(slog.New(slog.DiscardHandler), nil).ConnectContext(ctx, confOf(conf, ProducerConf{}))
	require.ErrorIs(t, err, context.Canceled)
}

// A file that is changed, or broken, while the process runs must not break what a restart would: the blocks know it as it was.
// The end of the process needn't wait for a server that has accepted the connection, and says nothing.
func TestConnectorEndsWithItsContextAtASilentServer(t *testing.T) {
	silent := listen(t)
	conf := testConf()
	conf.URLs = []string{"nats://" + silent.Addr().String()}
	conf.ConnectTimeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := NewConnector(discard(), nil).ConnectContext(ctx, confOf(conf, ProducerConf{}))
		ended <- err
	}()
	accepted, err := silent.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestConnectorReadsItsConfigurationOnce(t *testing.T) {
	b := startBroker(t)
	c := NewConnector(discard(), b)
	defer c.Disconnect()
	broken := testConf()
	broken.Stream = ""
	_, err := c.Connect(confOf(broken, ProducerConf{}))
	require.ErrorContains(t, err, `key "stream"`)
	_, err = c.Connect(confOf(testConf(), ProducerConf{}))
	require.NoError(t, err)
	c.Disconnect()
	conn, err := c.Connect(confOf(broken, ProducerConf{}))
	require.NoError(t, err)
	assert.Equal(t, "SYSLOG", conn.(*Connection).Info.Config.Name)
}

func TestConnectorHidesSecrets(t *testing.T) {
	conf := testConf()
	conf.URLs = []string{"nats://user:secret@127.0.0.1:1", "nats://secret-token@127.0.0.1:1"}
	_, err := NewConnector(slog.New(slog.DiscardHandler), nil).Connect(confOf(conf, ProducerConf{}))
	require.ErrorContains(t, err, "nats://127.0.0.1:1, nats://127.0.0.1:1: dial")
	assert.NotContains(t, err.Error(), "secret")

	s := runServer(t, &server.Options{Authorization: "secret-token"})
	conf.URLs = []string{strings.Replace(s.ClientURL(), "//", "//secret-token@", 1)}
	var out strings.Builder
	c := NewConnector(slog.New(slog.NewTextHandler(&out, nil)), nil)
	defer c.Disconnect()
	_, err = c.Connect(confOf(conf, ProducerConf{}))
	require.NoError(t, err)
	assert.Contains(t, out.String(), s.Addr().String())
	assert.NotContains(t, out.String(), "secret")
}

// The server tells of a missing permission for each message.
func TestComplaintsAreLoggedOnceInASecond(t *testing.T) {
	s := runServer(t, denying("syslog.>"))
	conf := confFor(s)
	conf.User, conf.Password = "u", "p"
	var out strings.Builder
	c := NewConnector(slog.New(slog.NewTextHandler(&out, nil)), nil)
	opened, err := c.Connect(confOf(conf, ProducerConf{}))
	require.NoError(t, err)
	nc := opened.(*Connection).Conn
	for range 1000 {
		require.NoError(t, nc.Publish("syslog.x", nil))
	}
	require.NoError(t, nc.Flush())
	c.Disconnect()
	<-opened.(*Connection).broken // comes behind the complaints
	assert.Less(t, strings.Count(out.String(), "permissions violation"), 10)
}

// What a request has met is said in words that tell where to look.
func TestConnectorExplainsSilence(t *testing.T) {
	conf := confFor(runServer(t, denying("$JS.>")))
	conf.User, conf.Password, conf.ConnectTimeout = "u", "p", time.Second
	refuses(t, conf, "stream SYSLOG: no answer within connect_timeout: is there a leader, and may this user publish to $JS.API.> ?")
	refuses(t, conf, `the server said: nats: permissions violation: Permissions Violation for Publish to "$JS.API.STREAM.INFO.SYSLOG"`)

	plain, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true})
	require.NoError(t, err)
	plain.Start()
	t.Cleanup(func() {
		plain.Shutdown()
		plain.WaitForShutdown()
	})
	require.True(t, plain.ReadyForConnections(patience))
	refuses(t, confFor(plain), "stream SYSLOG: JetStream is not enabled at this server, or nobody leads the cluster")
}

func TestStreamIsMadeOnceAndNeverChanged(t *testing.T) {
	b := startBroker(t)
	_, conn := connect(t, b, testConf())
	assert.Equal(t, []string{"syslog.>"}, conn.Info.Config.Subjects)
	assert.Equal(t, testConf().Duplicates, conn.Info.Config.Duplicates)

	conf := testConf()
	conf.MaxBytes = 1 << 20
	_, conn = connect(t, b, conf)
	assert.EqualValues(t, -1, conn.Info.Config.MaxBytes)
}

func TestStreamThatCannotBeUsed(t *testing.T) {
	cases := map[string]struct {
		cfg  jetstream.StreamConfig
		want string
	}{
		"other subjects":      {jetstream.StreamConfig{Name: "SYSLOG", Subjects: []string{"other.>"}}, `stream SYSLOG: it takes the subjects ["other.>"], not "syslog.>"`},
		"no acknowledgements": {jetstream.StreamConfig{Name: "SYSLOG", Subjects: []string{"syslog.>"}, NoAck: true}, "stream SYSLOG: it doesn't acknowledge (no_ack)"},
		"retention":           {jetstream.StreamConfig{Name: "SYSLOG", Subjects: []string{"syslog.>"}, Retention: jetstream.WorkQueuePolicy}, "stream SYSLOG: its retention is WorkQueue, not limits"},
		"overlap":             {jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"syslog.x"}}, "overlap"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := startBroker(t)
			other := testConf()
			other.Stream, other.Subject = "X", "x"
			_, conn := connect(t, b, other)
			_, err := conn.JetStream.CreateStream(t.Context(), c.cfg)
			require.NoError(t, err)
			_, err = NewConnector(slog.New(slog.DiscardHandler), b).Connect(confOf(testConf(), ProducerConf{}))
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A server that is left alone tells about the stream, and would have us connected, again and again, to nobody.
func TestStreamWithoutLeader(t *testing.T) {
	conf := testConf()
	info := &jetstream.StreamInfo{Config: conf.streamConfig(), Cluster: &jetstream.ClusterInfo{Name: "C"}}
	require.ErrorContains(t, conf.checkStream(info), "it has no leader")
	info.Cluster.Leader = "node1"
	require.NoError(t, conf.checkStream(info))
}

func TestConfIsChecked(t *testing.T) {
	cases := map[string]struct {
		change func(*Conf)
		key    string
	}{
		"url":        {func(c *Conf) { c.URLs = []string{"host:4222"} }, "urls"},
		"scheme":     {func(c *Conf) { c.URLs = []string{"http://host:4222"} }, "urls"},
		"port":       {func(c *Conf) { c.URLs = []string{"nats://user:secret@host:x4"} }, "urls"},
		"password":   {func(c *Conf) { c.URLs = []string{"nats://user:secret@"} }, "urls"},
		"creds":      {func(c *Conf) { c.Creds = "/nowhere" }, "creds"},
		"tls_ca":     {func(c *Conf) { c.TLSCA = "/" }, "tls_ca"},
		"embedded":   {func(c *Conf) { c.Replicas = 3 }, "replicas"},
		"subject":    {func(c *Conf) { c.Subject = "syslog.>" }, "subject"},
		"stream":     {func(c *Conf) { c.Stream = "a.b" }, "stream"},
		"duplicates": {func(c *Conf) { c.Duplicates = 0 }, "duplicates"},
		"max_age":    {func(c *Conf) { c.MaxAge = 1 }, "max_age"},
		"replicas":   {func(c *Conf) { c.Replicas = 0 }, "replicas"},
	}
	require.NoError(t, testConf().check())
	missing := DefaultConf().check()
	require.ErrorContains(t, missing, `key "stream": is missing`)
	require.ErrorContains(t, missing, `key "subject": is missing`)
	require.NoError(t, DefaultProducerConf().check("syslog"))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf := testConf()
			c.change(&conf)
			var ce *sputnik.ConfError
			require.ErrorAs(t, conf.check(), &ce)
			assert.Equal(t, c.key, ce.Key)
			assert.Equal(t, "nats", ce.Name)
			assert.NotContains(t, ce.Error(), "secret")
		})
	}
	bad := DefaultProducerConf()
	bad.FlushTimeout = maxFlush + 1
	require.Error(t, bad.check("syslog"))
}

// A name server that says nothing must not use up the time for the other urls.
func TestConnectorLeavesTimeBesideASilentNameServer(t *testing.T) {
	system := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = system })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	conf := confFor(runServer(t, new(server.Options)))
	conf.URLs = append(conf.URLs, "nats://unknown.example:4222")
	conf.ConnectTimeout = time.Second
	for range 4 { // in random order
		connect(t, nil, conf)
	}
}
