package workload

import (
	"testing"
	"time"
)

// direct is a peer that calls the receiver on the sender's goroutine; it can do what needs no second one.
type direct struct{ on []func(map[string]any) }

func (p *direct) Start(s Spec[map[string]any]) ([]Out[map[string]any], error) {
	for i := range s.Receivers {
		p.on = append(p.on, s.On(i, p))
	}
	return []Out[map[string]any]{p}, nil
}

func (p *direct) Stop() error { return nil }

func (p *direct) Send(to int, m map[string]any) { p.on[to](m) }

func (p *direct) Flood(to int, m map[string]any, n int) {
	for range n {
		p.Send(to, m)
	}
}

func TestPacedMeasuresEachMessage(t *testing.T) {
	for _, w := range []string{"steady", "fresh", "idle-small"} {
		b := bench[map[string]any]{peer: new(direct), budget: time.Millisecond, values: map[string]float64{}}
		if err := b.workloads()[w](); err != nil {
			t.Fatalf("%s: %v", w, err)
		}
		if len(b.values) == 0 {
			t.Errorf("%s: no figures", w)
		}
	}
}

func TestMeasureDividesByAllOperations(t *testing.T) {
	var b bench[map[string]any]
	ops := 0
	b.budget = time.Millisecond
	if ns := b.measure(10, 1000, func(n int) { ops += n }); ns < 0 || ns > 1e6 || ops < 1010 {
		t.Errorf("%v ns, %d operations", ns, ops)
	}
}

func TestCopyIsAnother(t *testing.T) {
	m := map[string]any{"n": 1}
	c := Copy(m)
	c["n"] = 2
	if m["n"] != 1 {
		t.Error("the same map")
	}
}
