package main

import (
	"math"
	"slices"
	"testing"

	"github.com/sputnik-go/sputnik/bench/workload"
)

func of(peer string) key { return key{"tell-1", calm, workload.Time, peer} }

func filled(figures map[string][]float64) *record {
	r := newRecord()
	for peer, values := range figures {
		for round, v := range values {
			r.add(of(peer), round, v)
		}
	}
	return r
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		sorted  []float64
		q, want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{1, 2, 9}, 0.5, 2},
		{[]float64{1, 2, 4, 9}, 0.5, 3},
		{[]float64{1, 2, 3, 4, 5}, 0.25, 2},
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
	} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.sorted, c.q, got, c.want)
		}
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing = %v", got)
	}
}

func TestMedianIsNotMovedByAnOutlier(t *testing.T) {
	r := filled(map[string][]float64{sputnik: {900, 16, 18, 17, 15}})
	if got := r.median(of(sputnik)); got != 17 {
		t.Errorf("median = %v", got)
	}
	if got := r.spread(of(sputnik)); got != 1.0/17 {
		t.Errorf("spread = %v", got)
	}
}

func TestRatioIsTakenWithinARound(t *testing.T) {
	// The machine gets slower from round to round, and one peer misses the last one.
	r := filled(map[string][]float64{sputnik: {10, 20, 40, 80}, channel: {20, 40, 80}})
	if got := r.ratio(of(sputnik), of(channel)); got != 0.5 {
		t.Errorf("ratio = %v", got)
	}
	if got := r.ratio(of(sputnik), of(old)); !math.IsNaN(got) {
		t.Errorf("ratio to nothing = %v", got)
	}
}

func TestFastest(t *testing.T) {
	r := filled(map[string][]float64{channel: {3, 3}, channel1: {2, 2}})
	if got := r.fastest(of(""), []string{channel, channel1, old}); got != channel1 {
		t.Errorf("fastest = %q", got)
	}
	if got := r.fastest(of(""), []string{old}); got != "" {
		t.Errorf("fastest of nobody = %q", got)
	}
}

func TestMatchingKeepsOrder(t *testing.T) {
	jobs := matching(full().jobs, "ping-pong")
	var names []string
	for _, j := range jobs {
		names = append(names, j.String())
	}
	if want := []string{"ping-pong", "ping-pong, 4 hogs", "ping-pong, GOMAXPROCS=1"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}
