package main

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkLines is for profiles: lines from TCP into the stream, broker, sender and all in this process.
//
//	go test -run '^$' -bench Lines -cpuprofile cpu.out ./examples/syslog2nats && go tool pprof -top -cum cpu.out
func BenchmarkLines(b *testing.B) {
	for _, conns := range []int{1, 20} {
		b.Run(fmt.Sprintf("%dConns", conns), func(b *testing.B) {
			p := start(b, environ("S2N_NATS_EMBEDDED_STORE="+b.TempDir(), "S2N_NATS_EMBEDDED_LISTEN=127.0.0.1:0"))
			p.stderr.await(b, 0, "msg=ready")
			errs := make(chan error, conns)
			for sender := range conns {
				c := p.dial(b, "tcp")
				go func() { errs <- sendNumbered(c, sender, b.N/conns+1) }()
			}
			for range conns {
				require.NoError(b, <-errs)
			}
			p.kill(interrupt)
			require.Zero(b, p.exit(b)) // all is stored
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// sendNumbered sends the lines "<sender> <number>", and returns when all are read.
func sendNumbered(c net.Conn, sender, lines int) error {
	w := bufio.NewWriterSize(c, 32<<10)
	for n := range lines {
		if _, err := fmt.Fprintf(w, "<134>1 2026-11-20T14:00:00.123456Z host app %d - - %d %d\n", sender, sender, n); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return readAll(c)
}
