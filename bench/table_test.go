package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/sputnik-go/sputnik/bench/workload"
)

func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, []string{"", "a", "b"}, [][]string{{"x", "1", dash}})
	if want := "|  | a | b |\n|---|---|---|\n| x | 1 | - |\n\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestFigureOfNothingIsADash(t *testing.T) {
	if got := figure(newRecord(), of(sputnik)); got != dash {
		t.Errorf("%q", got)
	}
}

func TestFigureHasItsUnitAndSpread(t *testing.T) {
	r := filled(map[string][]float64{sputnik: {90, 100, 120}})
	if got := figure(r, of(sputnik)); got != "100 ns ± 8 %" {
		t.Errorf("%q", got)
	}
	for _, c := range []struct {
		metric string
		value  float64
		want   string
	}{
		{workload.Time, 12_300, "12.3 µs"},
		{workload.WorstSend, 2.34e6, "2.3 ms"},
		{workload.FlightTime, 2.5e9, "2.5 s"},
		{workload.IdleBytes, 3030, "3.0 KB"},
		{workload.KeptBytes, 2.1e7, "21.0 MB"},
		{workload.Allocs, 5, "5.00"},
	} {
		if got := format(c.metric, c.value); got != c.want {
			t.Errorf("format(%q, %v) = %q, want %q", c.metric, c.value, got, c.want)
		}
	}
}

func TestRowWithoutFiguresIsLeftOut(t *testing.T) {
	r := filled(map[string][]float64{sputnik: {16}, channel: {40}})
	r.version[sputnik], r.version[channel] = "x", "y"
	p := plan{jobs: []job{{workload: "tell-1"}, {workload: "ring"}}}
	rows := measured(r, p, columns(r), []string{workload.Time})
	if len(rows) != 1 || !slices.Equal(rows[0], []string{"tell-1", "16 ns", "40 ns"}) {
		t.Errorf("%q", rows)
	}
}

func TestPeerGivenUpMakesNoRow(t *testing.T) {
	r := newRecord()
	r.version[sputnik], r.version[old] = "x", "y"
	steady, fresh := job{workload: "steady", under: hogs}, job{workload: "fresh", under: hogs}
	p := plan{jobs: []job{steady, fresh}}
	r.stuck[stuck{steady.String(), old}], r.stuck[stuck{fresh.String(), old}] = true, true
	r.add(key{steady.workload, steady.under, workload.Time, sputnik}, 0, 16)
	r.add(key{steady.workload, steady.under, workload.Allocs, sputnik}, 0, 0)

	for metric, cell := range map[string]string{workload.Time: "16 ns", workload.Allocs: "0.00"} {
		rows := measured(r, p, columns(r), []string{metric})
		if len(rows) != 1 || !slices.Equal(rows[0], []string{"steady, 4 hogs", cell, "> 10s"}) {
			t.Errorf("%s: %q", metric, rows)
		}
	}
	if rows := measured(r, p, columns(r), []string{workload.StartTime, workload.StopTime}); len(rows) > 0 {
		t.Errorf("%q", rows)
	}

	var b strings.Builder
	report(&b, r, p)
	if strings.Contains(b.String(), "Up and down") {
		t.Error(b.String())
	}
}

func TestReach(t *testing.T) {
	r := filled(map[string][]float64{sputnik: {16, 16}, channel: {40, 40}, old: {160, 160}})
	verdicts := map[string]string{}
	for _, row := range reach(r, goals()) {
		if len(row) != 5 {
			t.Fatalf("%q", row)
		}
		verdicts[row[0]+" against "+row[1]] = row[3] + " " + row[4]
	}
	for what, want := range map[string]string{
		"1 to 1 against " + channel:                "0.40 yes",
		"1 to 1 against " + old:                    "0.10 **no**",
		"1 to 1 against fastest actor library":     "- -",
		"4 to 1 against " + channel:                "- -",
		"batch send of 16 against " + channel:      "not offered -",
		"burst of a million: worst Send against -": "- -",
	} {
		if got := verdicts[what]; got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}
