// Command bench measures sputnik and its peers side by side: rounds in random order, each figure from a process of its
// own, ratios within a round. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	quick := flag.Bool("quick", false, "few rounds of what the goals need, printed only")
	limit := flag.Duration("limit", 20*time.Minute, "no further round begins when one more would take longer than this")
	rounds := flag.Int("rounds", 0, "at most so many; 0: 15, or 3 with -quick")
	only := flag.String("only", "", "workloads whose names contain this")
	out := flag.String("out", "", "file for the tables; default RESULTS.md without -quick")
	flag.Parse()

	p := full()
	if *quick {
		p = short()
	} else if *out == "" && *only == "" {
		*out = "RESULTS.md"
	}
	if *rounds > 0 {
		p.rounds = *rounds
	}
	p.jobs = matching(p.jobs, *only)
	if err := bench(p, *limit, *out); err != nil {
		log.Fatal(err)
	}
}

func bench(p plan, limit time.Duration, out string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	began := time.Now()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // binaries in the folder for such things
	if err := build(ctx, dir); err != nil {
		return err
	}
	log.Printf("built in %v", time.Since(began).Round(time.Second))
	r := newRecord()
	n, err := p.run(ctx, filepath.Clean(dir), r, began.Add(limit))
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds in %v, medians, ± half of the middle half. %s/%s, %d processors, %s.\n\n",
		n, time.Since(began).Round(time.Second), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	report(&b, r, p)
	fmt.Print(b.String())
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(heading+b.String()), 0o644) //nolint:gosec // for everybody to read
}

const heading = "# Results\n\nWritten by `make bench`. How to read this: [README.md](README.md).\n\n"
