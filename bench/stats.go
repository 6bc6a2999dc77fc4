package main

import (
	"math"
	"slices"
)

// key names a figure.
type key struct {
	workload string
	under    condition
	metric   string
	peer     string
}

// stuck is a peer that was given up in a job.
type stuck struct{ job, peer string }

// record holds every figure, by round.
type record struct {
	values  map[key]map[int]float64
	version map[string]string
	stuck   map[stuck]bool
}

func newRecord() *record {
	return &record{map[key]map[int]float64{}, map[string]string{}, map[stuck]bool{}}
}

func (r *record) add(k key, round int, value float64) {
	if r.values[k] == nil {
		r.values[k] = map[int]float64{}
	}
	r.values[k][round] = value
}

// all returns the figures of all rounds, sorted.
func (r *record) all(k key) []float64 {
	var all []float64
	for _, v := range r.values[k] {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// median is NaN where there is no figure.
func (r *record) median(k key) float64 { return quantile(r.all(k), 0.5) }

// ratio is the median of the ratios within each round.
func (r *record) ratio(of, to key) float64 {
	var ratios []float64
	for round, v := range r.values[of] {
		if w, ok := r.values[to][round]; ok && w > 0 {
			ratios = append(ratios, v/w)
		}
	}
	slices.Sort(ratios)
	return quantile(ratios, 0.5)
}

// spread is half of the range that the middle half of the figures is in, as a part of the median.
func (r *record) spread(k key) float64 {
	all := r.all(k)
	return (quantile(all, 0.75) - quantile(all, 0.25)) / 2 / quantile(all, 0.5)
}

// fastest is the peer of these whose median is the smallest, "" where there is none.
func (r *record) fastest(k key, of []string) string {
	best, name := math.Inf(1), ""
	for _, p := range of {
		k.peer = p
		if m := r.median(k); m < best {
			best, name = m, p
		}
	}
	return name
}

// quantile of sorted figures, between two of them if need be; NaN of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}
