// Package workload is what each library has to do, and how it is measured. A library is a small adapter, a [Peer], in a
// program of its own: some can't be linked together.
package workload

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// Peer is a library that moves messages of type M between components. One value serves one workload.
type Peer[M ~map[string]any] interface {
	// Start brings up what the spec says, and returns a way in for each sender when every receiver can be
	// sent to. errors.ErrUnsupported says that the library has no such thing.
	Start(s Spec[M]) ([]Out[M], error)
	// Stop ends the receivers one by one, the last one first, where the library can do that, and waits for their end.
	Stop() error
}

// Spec says which components to start.
type Spec[M ~map[string]any] struct {
	Receivers, Senders int
	// On makes the handler of receiver i, which sends by out. Handlers of one receiver are called one at a time.
	On func(i int, out Out[M]) func(m M)
	// Answer, if not nil, is what a receiver answers to each request; On is nil then.
	Answer M
	// Unbounded wants mailboxes that take a million messages while a receiver stands still.
	Unbounded bool
	// Waiting wants each receiver to have a main goroutine that waits for its end.
	Waiting bool
}

// Out sends from one component, on one goroutine at a time.
type Out[M ~map[string]any] interface {
	Send(to int, m M)
	// Flood sends m n times: the loop is here so that only the library's own calls are measured.
	Flood(to int, m M, n int)
}

// Asker is an Out with requests.
type Asker[M ~map[string]any] interface {
	// Ask makes n requests, one after another, and waits for each answer. It panics where none comes.
	Ask(to int, m M, n int)
}

// Result is what a program writes, as one line of JSON.
type Result struct {
	Version string             `json:"version"`          // of the library
	Values  map[string]float64 `json:"values,omitempty"` // none: the library can't do it
}

// Extra is a workload that one library alone has.
type Extra func(budget time.Duration) (values map[string]float64, err error)

// Main measures the workload that the command line names. module is the library's; an empty one is the language's own.
func Main[M ~map[string]any](module string, peer Peer[M], extra map[string]Extra) {
	name := flag.String("workload", "tell-1", "what to measure")
	budget := flag.Duration("for", 200*time.Millisecond, "how long to measure")
	hogs := flag.Int("hogs", 0, "goroutines that take the processors and never yield")
	flag.Parse()

	// Every server has a timer that waits, and with one the scheduler reads the clock each time it switches goroutines.
	defer time.AfterFunc(time.Hour, func() {}).Stop()
	for range *hogs {
		go hog()
	}
	b := bench[M]{peer: peer, budget: *budget, values: map[string]float64{}}
	run, known := b.workloads()[*name]
	if only, ok := extra[*name]; ok {
		known, run = true, func() (err error) { b.values, err = only(*budget); return err }
	}
	r := Result{Version: version(module)}
	if known {
		switch err := run(); {
		case err == nil:
			r.Values = b.values
		case !errors.Is(err, errors.ErrUnsupported):
			log.Fatalf("%s: %v", *name, err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		log.Fatal(err)
	}
}

// hog never yields: only preemption takes the processor from it.
func hog() {
	x := uint64(1)
	for {
		x = x*6364136223846793005 + 1442695040888963407
		if x == 0 {
			runtime.KeepAlive(x)
		}
	}
}

// version finds the module in what the program was built of.
func version(module string) string {
	if module == "" {
		return runtime.Version()
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path != module {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version == "" || m.Version == "(devel)" {
			return "this tree"
		}
		return m.Version
	}
	return fmt.Sprintf("%s isn't linked", module)
}
