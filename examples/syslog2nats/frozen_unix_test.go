//go:build unix

package main

import (
	"testing"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

// What was sent into the silence may be stored when the server wakes up, after it was published again.
func TestServerFrozenInTraffic(t *testing.T) {
	env := []string{"S2N_NATS_ACK_TIMEOUT=200ms", "S2N_NATS_CONNECT_TIMEOUT=500ms"}
	disturbInTraffic(t, env, func(p *process, server *brokertest.Process, line int) int {
		server.Freeze(t)
		_, line = p.stderr.await(t, line, `msg="not ready`)
		server.Thaw(t)
		return line
	})
}
