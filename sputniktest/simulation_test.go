package sputniktest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/sputnik-go/sputnik"
)

var (
	seedsFlag  = flag.Int("seeds", 300, "how many random flights TestSimulation makes, from seed 1")
	seedFlag   = flag.Uint64("seed", 0, "the one flight that TestSimulation makes; with -v its trace is printed")
	shrinkFlag = flag.Bool("shrink", true, "whether a flight that fails is reduced to what is needed for it")
)

// TestSimulation flies random processes, each in a bubble of its own, and checks the guarantees from outside. The
// same seed gives the same flight:
//
//	go test ./sputniktest -run Simulation -seeds 10000
//	go test ./sputniktest -run Simulation -seed 17 -v
func TestSimulation(t *testing.T) {
	if *seedFlag > 0 {
		p := draw(*seedFlag)
		w := fly(t, p)
		t.Logf("seed %d\n%v\n%v", p.seed, p, w.trace)
		if w.o.offence != nil {
			t.Error(report(t, w))
		}
		return
	}
	const chunk = 50
	for first := 1; first <= *seedsFlag; first += chunk {
		last := min(first+chunk-1, *seedsFlag)
		t.Run(fmt.Sprintf("%d-%d", first, last), func(t *testing.T) {
			t.Parallel()
			for seed := first; seed <= last; seed++ {
				if w := fly(t, draw(uint64(seed))); w.o.offence != nil {
					t.Fatal(report(t, w))
				}
			}
		})
	}
}

// report says what was offended, by how little of the plan, and how to see it again.
func report(t *testing.T, w *world) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d offends %v\n", w.plan.seed, w.o.offence)
	if *shrinkFlag {
		w = shrink(t, w)
		fmt.Fprintf(&b, "it is enough to do this: %v\n", w.o.offence)
	}
	fmt.Fprintf(&b, "%v\n%v\nreplay: go test ./sputniktest -run Simulation -seed %d -v\n", w.plan, w.trace, w.plan.seed)
	return b.String()
}

// TestSimulationIsDeterministic flies each of some seeds twice.
func TestSimulationIsDeterministic(t *testing.T) {
	t.Parallel()
	for seed := range min(uint64(*seedsFlag), 1000) {
		one, two := fly(t, draw(seed+1)).trace.String(), fly(t, draw(seed+1)).trace.String()
		if one != two {
			t.Fatalf("seed %d: two flights differ:\n%s", seed+1, firstDifference(one, two))
		}
	}
}

func firstDifference(one, two string) string {
	a, b := strings.Split(one, "\n"), strings.Split(two, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%s\n%s\nor\n%s", strings.Join(a[max(0, i-20):i], "\n"), a[i], b[i])
		}
	}
	return "one is longer than the other"
}

// eventText writes an event without what differs from run to run.
func eventText(e sputnik.Event) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", e), "sputnik.")
	switch e := e.(type) {
	case sputnik.BlockInitialised:
		return name + " " + e.Block.Responsibility
	case sputnik.BlockRunning:
		return name + " " + e.Block.Responsibility
	case sputnik.BlockFailed:
		return fmt.Sprintf("%s %v", name, e.Err)
	case sputnik.BlockFinishing:
		return name + " " + e.Block.Responsibility
	case sputnik.BlockFinished:
		return name + " " + e.Block.Responsibility
	case sputnik.BlockAbandoned:
		return fmt.Sprintf("%s %v", name, e.Err)
	case sputnik.ReadyChanged:
		return fmt.Sprintf("%s %v", name, e.Ready)
	case sputnik.ProcessFinishing:
		return fmt.Sprintf("%s %v", name, e.Cause)
	case sputnik.ProcessHurried:
		return fmt.Sprintf("%s, forced %v", name, e.Forced)
	case sputnik.ProcessFinished:
		return fmt.Sprintf("%s %s", name, describe(e.Err))
	case sputnik.Connected:
		return fmt.Sprintf("%s at attempt %d", name, e.Attempt)
	case sputnik.ConnectFailed:
		return fmt.Sprintf("%s, attempt %d: %v", name, e.Attempt, e.Err)
	case sputnik.ConnectionLost:
		return fmt.Sprintf("%s: %v", name, e.Err)
	case sputnik.ConnectorStalled:
		return fmt.Sprintf("%s: %s", name, e.Call)
	}
	return name
}
