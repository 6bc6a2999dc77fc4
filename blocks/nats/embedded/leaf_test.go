package embedded

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/internal/testkit"
)

// uplink is a way to the hub that can be cut.
type uplink struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newUplink(t *testing.T, to string) *uplink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &uplink{listener: l, to: to}
	u.wg.Go(u.serve)
	t.Cleanup(func() {
		_ = l.Close()
		u.setCut(true)
		u.wg.Wait()
	})
	return u
}

func (u *uplink) serve() {
	for {
		from, err := u.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", u.to)
		u.mu.Lock()
		if err != nil || u.cut {
			_ = from.Close()
			if err == nil {
				_ = to.Close()
			}
		} else {
			u.conns = append(u.conns, from, to)
			pipe := func(a, b net.Conn) {
				_, _ = io.Copy(a, b)
				_ = a.Close()
				_ = b.Close()
			}
			u.wg.Go(func() { pipe(from, to) })
			u.wg.Go(func() { pipe(to, from) })
		}
		u.mu.Unlock()
	}
}

func (u *uplink) setCut(cut bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cut = cut
	if cut {
		for _, c := range u.conns {
			_ = c.Close()
		}
		u.conns = nil
	}
}

// startHub starts a server with a leaf node port that wants TLS and a password.
func startHub(t *testing.T, certFile, keyFile string) *server.Server {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	opts := &server.Options{
		ServerName: "hub", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "hub",
	}
	opts.LeafNode.Host, opts.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
	opts.LeafNode.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	opts.LeafNode.TLSTimeout = tlsTimeout
	opts.LeafNode.Username, opts.LeafNode.Password = "edge", "secret"
	hub, err := server.NewServer(opts)
	require.NoError(t, err)
	hub.Start()
	t.Cleanup(func() {
		hub.Shutdown()
		hub.WaitForShutdown()
	})
	require.True(t, hub.ReadyForConnections(10*time.Second))
	return hub
}

func jetStreamOf(t *testing.T, provider nats.InProcessConnProvider) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(provider))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// An edge stores on without its uplink, and the hub has everything once, in order, when the uplink is there again.
func TestEdgeWithoutItsUplink(t *testing.T) {
	const batch = 500
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ca := testkit.NewAuthority(t)
	cert, key := ca.Issue("hub")
	hub := startHub(t, cert, key)
	varz, err := hub.Varz(nil)
	require.NoError(t, err)
	link := newUplink(t, fmt.Sprintf("127.0.0.1:%d", varz.LeafNode.Port))
	conf := DefaultConf()
	conf.ServerName, conf.Store, conf.Domain = "edge-1", t.TempDir(), "edge1"
	conf.LeafCA = ca.File
	conf.Leaf = []string{"tls://edge:secret@" + link.listener.Addr().String()}
	conf.LeafLocal = []string{"syslog.>"}
	require.NoError(t, conf.check())
	edge := start(t, conf)
	t.Cleanup(func() { require.NoError(t, edge.Stop()) })

	local := jetStreamOf(t, edge)
	subjects := []string{"syslog.>"} // the hub's own stream takes them too
	_, err = local.CreateStream(ctx, jetstream.StreamConfig{Name: "SYSLOG", Subjects: subjects})
	require.NoError(t, err)
	central := jetStreamOf(t, hub)
	own, err := central.CreateStream(ctx, jetstream.StreamConfig{Name: "SYSLOG", Subjects: subjects})
	require.NoError(t, err)
	all, err := central.CreateStream(ctx, jetstream.StreamConfig{Name: "ALL", Sources: []*jetstream.StreamSource{{
		Name: "SYSLOG", Domain: "edge1",
	}}})
	require.NoError(t, err)

	next := 0
	store := func() {
		for range batch {
			ack, err := local.Publish(ctx, "syslog.x", fmt.Append(nil, next))
			require.NoError(t, err)
			assert.Equal(t, "edge1", ack.Domain, "stored here, not at the hub")
			next++
		}
	}
	arrived := 0
	consumer, err := all.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	arrive := func() {
		for arrived < next {
			msg, err := messages.Next(jetstream.NextContext(ctx))
			require.NoError(t, err, "%d of %d have arrived", arrived, next)
			require.Equal(t, fmt.Sprint(arrived), string(msg.Data()))
			arrived++
		}
	}
	store()
	arrive()
	link.setCut(true)
	store()
	link.setCut(false)
	store()
	arrive()
	info, err := own.Info(ctx)
	require.NoError(t, err)
	assert.Zero(t, info.State.Msgs, "leaf_local stays here")
	info, err = all.Info(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 3*batch, info.State.Msgs)
}
