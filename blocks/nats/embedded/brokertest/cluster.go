package brokertest

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// Cluster is NATS servers with JetStream, each in a process of its own, that know each other.
type Cluster struct{ Members map[string]*Process } // by the server's name

// StartCluster starts n servers.
func StartCluster(t *testing.T, n int) *Cluster {
	t.Helper()
	c := &Cluster{make(map[string]*Process)}
	var routes []string
	for range n {
		routes = append(routes, freeAddress(t))
	}
	for i, route := range routes {
		name := fmt.Sprintf("node%d", i)
		p := &Process{
			URL: "nats://" + freeAddress(t), store: t.TempDir(),
			env: []string{envName + "=" + name, envRoute + "=" + route, envRoutes + "=" + strings.Join(routes, ",")},
		}
		t.Cleanup(p.Kill)
		c.Members[name] = p
		p.Restart(t)
	}
	return c
}

// URLs are those of all servers.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, p := range c.Members {
		urls = append(urls, p.URL)
	}
	return urls
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// serveMember doesn't return.
func serveMember(store string) {
	opts := &server.Options{
		ServerName: os.Getenv(envName), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: store,
	}
	opts.Host, opts.Port = mustSplit(os.Getenv(envListen))
	opts.Cluster.Name = "brokertest"
	opts.Cluster.Host, opts.Cluster.Port = mustSplit(os.Getenv(envRoute))
	for route := range strings.SplitSeq(os.Getenv(envRoutes), ",") {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: route})
	}
	s, err := server.NewServer(opts)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		fmt.Println("error: not ready")
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
	os.Exit(0)
}

func mustSplit(address string) (string, int) {
	host, text, err := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	if err != nil || port == 0 {
		fmt.Println("error: not an address:", address)
		os.Exit(1)
	}
	return host, port
}
