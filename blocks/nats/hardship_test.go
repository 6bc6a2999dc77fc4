package nats

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// The broker is killed by SIGKILL and started again, five times, while 20 senders send.
func TestExactlyOnceWhileTheBrokerIsKilled(t *testing.T) {
	t.Parallel()
	const kills = 5
	total := messages()
	server := brokertest.Start(t)
	conf := testConf()
	conf.URLs = []string{server.URL}
	var marks []int
	for k := range kills {
		marks = append(marks, total*(k+1)/(kills+1))
	}
	c := newCampaign(t, conf, DefaultProducerConf(), total, marks...)
	c.send()
	for _, mark := range marks {
		c.at(mark)
		server.Kill()
		server.Restart(t)
	}
	c.verify(true)
	assert.GreaterOrEqual(t, len(sputniktest.Events[sputnik.ConnectionLost](c.Flight)), kills)
}

// The server that leads the stream is killed while 20 senders send; then so many that there is no leader.
func TestExactlyOnceWhileTheLeaderIsKilled(t *testing.T) {
	t.Parallel()
	total := messages()
	cluster := brokertest.StartCluster(t, 3)
	conf := testConf()
	conf.URLs, conf.Replicas = cluster.URLs(), 3
	conf.AckTimeout = 2 * time.Second
	conf.ConnectTimeout = 2 * time.Second
	c := newCampaign(t, conf, DefaultProducerConf(), total, total/3, total*2/3)
	c.Ready() // a cluster takes seconds to find a leader
	c.send()
	c.at(total / 3)
	first := killLeader(t, cluster, conf)
	c.at(total * 2 / 3)
	if *long {
		second := killLeader(t, cluster, conf)
		lost := len(sputniktest.Events[sputnik.ConnectFailed](c.Flight))
		for n := range 3 { // one server of three is no majority
			sputniktest.Await[sputnik.ConnectFailed](c.Flight, nth[sputnik.ConnectFailed](lost+n+1))
		}
		second.Restart(t)
	}
	first.Restart(t)
	c.verify(false)
}

// nth matches the n-th event of its kind.
func nth[E any](n int) func(E) bool {
	seen := 0
	return func(E) bool {
		seen++
		return seen >= n
	}
}

// killLeader kills the server that leads the stream.
func killLeader(t *testing.T, cluster *brokertest.Cluster, conf Conf) *brokertest.Process {
	t.Helper()
	c := NewConnector(discard(), nil)
	defer c.Disconnect()
	opened, err := c.Connect(confOf(conf, ProducerConf{}))
	require.NoError(t, err)
	leader := opened.(*Connection).Info.Cluster.Leader
	require.Contains(t, cluster.Members, leader)
	cluster.Members[leader].Kill()
	return cluster.Members[leader]
}
