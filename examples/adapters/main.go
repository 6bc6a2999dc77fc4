// Command adapters receives messages by syslog and by HTTP and stores them in a NATS JetStream stream. Which adapters a process
// runs is configuration alone: all of them in one process, or one in each, from the same binary.
//
//	go run ./examples/adapters                                            # all: conf/, which is built in
//	go run ./examples/adapters --conf examples/adapters/only-syslog.yaml  # one
//	go run ./examples/adapters --conf examples/adapters/only-http.yaml    # the other
//
// It exits with 0 after a clean end, 2 where arguments or configuration are wrong, 1 on any other failure.
package main

import (
	"os"

	"github.com/sputnik-go/sputnik/examples/cli"
)

func main() { os.Exit(cli.Main(program())) }
