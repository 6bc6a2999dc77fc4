package nats

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/examples/syslog2nats/broker/brokertest"
)

func TestMain(m *testing.M) {
	brokertest.Serve()
	goleak.VerifyTestMain(m)
}
