// Command floor measures how many lines a second go from TCP into JetStream: by syslog2nats, and by the same thing written
// by hand, without sputnik. Both run as processes of their own with the broker embedded; rounds take turns.
//
//	go run ./examples/syslog2nats/floor
//
// The figures mean something side by side only, on a machine that does nothing else.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// plan is what is measured.
type plan struct {
	lines   int // of each round
	rounds  int
	conns   []int
	sidecar string // program to measure; "": it is built
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == byHand {
		exitOn(runByHand(os.Args[2]))
		return
	}
	var p plan
	var conns string
	flag.IntVar(&p.lines, "lines", 200_000, "lines of each round")
	flag.IntVar(&p.rounds, "rounds", 5, "rounds of each program")
	flag.StringVar(&conns, "conns", "1,20", "numbers of TCP connections")
	flag.StringVar(&p.sidecar, "program", "", "syslog2nats to measure (it is built)")
	flag.Parse()
	for text := range strings.SplitSeq(conns, ",") {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
			exitOn(fmt.Errorf("-conns: %q is no number of connections", text))
		}
		p.conns = append(p.conns, n)
	}
	if p.lines < 1 || p.rounds < 1 {
		exitOn(fmt.Errorf("-lines %d, -rounds %d: want one or more", p.lines, p.rounds))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exitOn(p.run(ctx))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run measures, and prints a row for each number of connections.
func (p plan) run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "floor")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary one
	sidecar := p.sidecar
	if sidecar == "" {
		sidecar = filepath.Join(folder, "syslog2nats")
		if err := build(ctx, sidecar); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Printf("%d lines a round, %d rounds; medians, and the ratios' range\n\n", p.lines, p.rounds)
	fmt.Printf("%-6s %31s %42s\n", "", "lines/s, TCP to stored", "lines/s of CPU, broker included")
	fmt.Printf("%-6s %10s %12s %-21s %10s %12s %s\n", "conns", "by hand", "syslog2nats", "ratio", "by hand", "syslog2nats", "ratio")
	for _, conns := range p.conns {
		if err := p.compare(ctx, folder, conns, []string{self, byHand}, []string{sidecar, "run"}); err != nil {
			return err
		}
	}
	return nil
}

// compare prints a row: how fast two programs are, each round's two measurements close to each other.
func (p plan) compare(ctx context.Context, folder string, conns int, first, second []string) error {
	var a, b results
	for i := range p.rounds {
		measure := func(command []string, to *results) func() error {
			return func() error {
				r, err := round{folder: folder, lines: p.lines, conns: conns, command: command}.measure(ctx)
				to.wall, to.cpu = append(to.wall, r.wall), append(to.cpu, r.cpu)
				return err
			}
		}
		order := []func() error{measure(first, &a), measure(second, &b)}
		if i%2 == 1 {
			slices.Reverse(order) // what comes second may profit, or suffer, from what came first
		}
		for _, measure := range order {
			if err := measure(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%-6d %10.0f %12.0f %-21s %10.0f %12.0f %s\n", conns,
		median(a.wall), median(b.wall), ratio(b.wall, a.wall), median(a.cpu), median(b.cpu), ratio(b.cpu, a.cpu))
	return nil
}

// results are lines a second of each round, by the clock and of CPU time.
type results struct{ wall, cpu []float64 }

func ratio(of, to []float64) string {
	var all []float64
	for i := range of {
		all = append(all, of[i]/to[i])
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(all), slices.Min(all), slices.Max(all))
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
