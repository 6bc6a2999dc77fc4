package syslog

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var long = flag.Bool("long", false, "run the tests that take minutes, too")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
