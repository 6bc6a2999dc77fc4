package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

const envProgram = "SYSLOG2NATS_TEST_PROGRAM"

// TestMain makes of the test binary, executed anew, a NATS server or the program under test.
func TestMain(m *testing.M) {
	brokertest.Serve()
	if os.Getenv(envProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}
