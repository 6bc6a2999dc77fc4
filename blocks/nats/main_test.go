package nats

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

func TestMain(m *testing.M) {
	brokertest.Serve()
	goleak.VerifyTestMain(m)
}
