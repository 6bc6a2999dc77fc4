// Command syslog2nats is a sidecar that receives syslog lines over UDP and TCP and stores them in a NATS JetStream stream.
// The broker runs embedded by default; with "urls" in nats.yaml the lines go to an existing NATS cluster.
//
//	go run ./examples/syslog2nats --tail
//	logger -n 127.0.0.1 -P 5514 -T "hello"
//
// It exits with 0 after a clean end, 2 where arguments or configuration are wrong, 1 on any other failure.
package main

import (
	"os"

	"github.com/sputnik-go/sputnik/examples/cli"
)

func main() { os.Exit(cli.Main(program())) }
