package main

import (
	"fmt"
	"math"

	"github.com/sputnik-go/sputnik/bench/workload"
)

// goal is a row of what is to be reached: a figure, or a ratio to another one.
type goal struct {
	what, against string
	most          float64
	unit          string
	measure       func(r *record) float64
	why           string // it isn't measured
}

// The quoted peer's request, as a multiple of a channel's.
const (
	quotedPeer    = "goakt (quoted)"
	quotedRequest = 912.0 / 288
)

func goals() []goal {
	of := func(w, metric string) key { return key{w, calm, metric, sputnik} }
	ratio := func(what, w string, under condition, most float64, against ...string) goal {
		return goal{
			what: what, against: names(against), most: most,
			measure: func(r *record) float64 { return toFastest(r, key{w, under, workload.Time, sputnik}, against) },
		}
	}
	value := func(what, w, metric string, most, scale float64, unit string) goal {
		return goal{what: what, most: most, unit: unit, measure: func(r *record) float64 { return r.median(of(w, metric)) / scale }}
	}
	return []goal{
		ratio("1 to 1", "tell-1", calm, 0.45, channel),
		ratio("1 to 1", "tell-1", calm, 0.05, old),
		ratio("1 to 1", "tell-1", calm, 0.33, actors()...),
		ratio("4 to 1", "tell-4", calm, 0.71, channel),
		ratio("8 to 1", "tell-8", calm, 0.80, channel),
		ratio("steady 1 to 1", "steady", calm, 0.45, channel),
		ratio("ping-pong", "ping-pong", calm, 1.10, channel1, channel),
		ratio("ring of 100", "ring", calm, 1.10, channel1, channel),
		ratio("fan-out to 1,000", "fan-out", calm, 1.15, channel1, channel),
		ratio("Request and Reply, its map copy included", "request", calm, 0.55, actors()...),
		{
			what: "Request and Reply, its map copy included", against: quotedPeer, most: 0.55,
			measure: func(r *record) float64 {
				k := of("request", workload.Time)
				return r.ratio(k, key{k.workload, k.under, k.metric, channel1}) / quotedRequest
			},
		},
		{what: "batch send of 16", against: channel, most: 0.20, why: "not offered"},
		value("allocations on Send", "steady", workload.Allocs, 0.01, 1, ""),
		{
			what: "allocations on Request beyond its map copy", most: 0.01,
			measure: func(r *record) float64 {
				return r.median(of("request", workload.Allocs)) - r.median(of("request", workload.CopyAllocs))
			},
		},
		value("burst of a million: worst Send", "burst", workload.WorstSend, 1, 1e6, "ms"),
		value("burst: peak a message", "burst", workload.PeakBytes, 12, 1, "B"),
		value("burst: kept", "burst", workload.KeptBytes, 64, 1024, "KB"),
		ratio("hop with four CPU hogs", "ping-pong", hogs, 1.4, channel1, channel),
		ratio("steady 1 to 1, GOMAXPROCS=1", "steady", one, 0.55, channel),
		either("idle block, Run returned", "idle", 1.5),
		either("idle block, Run waits", "waiting", 4.5),
		value("process of 10,000 blocks", "flight-10000", workload.FlightTime, 100, 1e6, "ms"),
		{
			what: "100,000 blocks, by the block", against: "10,000", most: 1.2,
			measure: func(r *record) float64 {
				return r.ratio(of("flight-100000", workload.FlightTime), of("flight-10000", workload.FlightTime)) / 10
			},
		},
		value("broken connection to the last of 1,000 blocks told, by the block", "broken", workload.BrokenTime, 2, 1e3, "µs"),
		ratio("everything on (counters, bounds, guard, names)", "steady", calm, 1.15, mailbox),
	}
}

// either is of the full run, or else of the quick one.
func either(what, w string, most float64) goal {
	return goal{what: what, most: most, unit: "KB", measure: func(r *record) float64 {
		k := key{w, calm, workload.IdleBytes, sputnik}
		if _, ok := r.values[k]; !ok {
			k.workload += "-small"
		}
		return r.median(k) / 1024
	}}
}

func actors() (all []string) {
	for _, p := range peers() {
		if p.actors {
			all = append(all, p.name)
		}
	}
	return all
}

func names(peers []string) string {
	if len(peers) > 2 {
		return "fastest actor library"
	}
	if len(peers) == 2 {
		return "the faster channel"
	}
	return peers[0]
}

// toFastest is the ratio to the fastest of these.
func toFastest(r *record, k key, peers []string) float64 {
	to := k
	to.peer = r.fastest(k, peers)
	return r.ratio(k, to)
}

// reach makes a row of each goal.
func reach(r *record, goals []goal) (rows [][]string) {
	for _, g := range goals {
		got, verdict := g.why, dash
		if g.measure != nil {
			if v := g.measure(r); math.IsNaN(v) {
				got = dash
			} else {
				got, verdict = amount(v, g.unit), "**no**"
				if v <= g.most {
					verdict = "yes"
				}
			}
		}
		against := g.against
		if against == "" {
			against = dash
		}
		rows = append(rows, []string{g.what, against, "≤ " + amount(g.most, g.unit), got, verdict})
	}
	return rows
}

func amount(v float64, unit string) string {
	if unit == "" {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}
