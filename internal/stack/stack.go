// Package stack tells goroutines apart: by labels, which a goroutine inherits from the one that starts it, and
// by what they are inside of.
package stack

import (
	"context"
	"reflect"
	"runtime"
	"runtime/pprof"
)

const (
	flightLabel = "sputnik"
	blockLabel  = "block"
)

// Labelled returns a context whose labels ([pprof.SetGoroutineLabels]) mark goroutines as a block's own.
func Labelled(ctx context.Context, flight, block string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(flightLabel, flight, blockLabel, block))
}

// Inside tells whether the current goroutine is inside a call of fn, a function or a method expression, at most 128
// calls deep.
func Inside(fn any) bool {
	name := runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).Name()
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == name {
			return true
		}
		if !more {
			return false
		}
	}
}
