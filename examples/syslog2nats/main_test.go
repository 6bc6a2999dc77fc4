package main

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

// -long makes some tests as long as they are meant to be: minutes, not seconds.
var long = flag.Bool("long", false, "tests of minutes instead of their short variants")

const envProgram = "SYSLOG2NATS_TEST_PROGRAM"

// TestMain makes of the test binary, executed anew, a NATS server or the program under test.
func TestMain(m *testing.M) {
	brokertest.Serve()
	if os.Getenv(envProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}
