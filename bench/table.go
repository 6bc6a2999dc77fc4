package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/sputnik-go/sputnik/bench/workload"
)

// table writes Markdown.
func table(b *strings.Builder, head []string, rows [][]string) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	fmt.Fprintln(b, "|"+strings.Repeat("---|", len(head)))
	for _, r := range rows {
		line(r)
	}
	fmt.Fprintln(b)
}

// report writes all tables.
func report(b *strings.Builder, r *record, p plan) {
	fmt.Fprintf(b, "## To reach\n\n")
	table(b, []string{"what", "against", "goal", "measured", "reached"}, reach(r, goals()))

	fmt.Fprintf(b, "## Measured\n\n")
	names := columns(r)
	for _, t := range []struct {
		title   string
		metrics []string
	}{
		{"Time of a message, a hop, a request", []string{workload.Time}},
		{"A burst of a million to a receiver that stands still", []string{workload.WorstSend, workload.PeakBytes, workload.KeptBytes}},
		{"Memory of an idle component", []string{workload.IdleBytes}},
		{"Up and down", []string{workload.StartTime, workload.StopTime, workload.FlightTime, workload.BrokenTime}},
		{"Allocations", []string{workload.Allocs}},
	} {
		if rows := measured(r, p, names, t.metrics); len(rows) > 0 {
			fmt.Fprintf(b, "### %s\n\n", t.title)
			table(b, append([]string{""}, names...), rows)
		}
	}
	versions := make([][]string, len(names))
	for i, n := range names {
		versions[i] = []string{n, r.version[n]}
	}
	fmt.Fprintf(b, "### Versions\n\n")
	table(b, []string{"peer", "version"}, versions)
	quote(b)
}

// columns are the peers that have figures.
func columns(r *record) (names []string) {
	for _, p := range peers() {
		if r.version[p.name] != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// measured has a row for each job and metric that some peer has a figure of. That a peer was given up is no reason for a
// row: it was in the job, which may not have this metric at all.
func measured(r *record, p plan, names, metrics []string) (rows [][]string) {
	for _, j := range p.jobs {
		for _, metric := range metrics {
			row, empty := []string{j.String()}, true
			if len(metrics) > 1 {
				row[0] += ", " + metric
			}
			for _, n := range names {
				k := key{j.workload, j.under, metric, n}
				cell := figure(r, k)
				empty = empty && cell == dash
				if r.stuck[stuck{j.String(), n}] {
					cell = "> " + j.patience().String()
				}
				row = append(row, cell)
			}
			if !empty {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

const dash = "-"

// figure is a median with its unit and its spread, or a dash.
func figure(r *record, k key) string {
	m := r.median(k)
	if math.IsNaN(m) {
		return dash
	}
	text := format(k.metric, m)
	if s := r.spread(k); len(r.values[k]) > 2 && m > 0 {
		text += fmt.Sprintf(" ± %.0f %%", 100*s)
	}
	return text
}

func format(metric string, v float64) string {
	switch metric {
	case workload.Allocs:
		return fmt.Sprintf("%.2f", v)
	case workload.PeakBytes:
		return fmt.Sprintf("%.1f B", v)
	case workload.KeptBytes, workload.IdleBytes:
		return size(v)
	}
	return duration(v)
}

func duration(ns float64) string {
	switch {
	case ns < 1e4:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
	return fmt.Sprintf("%.1f s", ns/1e9)
}

func size(bytes float64) string {
	switch {
	case bytes < 1e3:
		return fmt.Sprintf("%.0f B", bytes)
	case bytes < 1e6:
		return fmt.Sprintf("%.1f KB", bytes/1e3)
	}
	return fmt.Sprintf("%.1f MB", bytes/1e6)
}

// quote says which peer isn't measured, and what is known of it.
func quote(b *strings.Builder) {
	fmt.Fprint(b, `### Quoted, not measured here

goakt v4 can't be had from every module proxy. A run of 2 cores, in which a channel of 1 took 110 ns 1 to 1 and 288 ns for
a request and its answer, has these figures of it (ns): 1 to 1 151, 4 to 1 179, 8 to 1 166, steady 151, ping-pong 200,
ring of 100 198, fan-out 252, request 912, fresh map 292; worst Send of a burst 2.2 ms, 116 B a message; 3.1 KB idle.
`)
}
