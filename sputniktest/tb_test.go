package sputniktest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// tape is a testing.TB that keeps what it is told, for tests of what fails a test.
type tape struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *tape) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *tape) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *tape) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// during plays a test on the tape, and its end, and returns what failed.
func during(t *testing.T, test func(tb testing.TB)) []string {
	t.Helper()
	r := &tape{TB: t}
	run := func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		<-done
	}
	run(func() { test(r) })
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		run(last)
	}
	return r.failures
}
