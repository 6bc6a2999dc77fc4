// Package stack tells goroutines apart: by labels, which a goroutine inherits from the one that starts it, and
// by what they are inside of.
package stack

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
)

const (
	flightLabel = "sputnik"
	blockLabel  = "block"
)

// Labelled returns a context whose labels ([pprof.SetGoroutineLabels]) mark goroutines as a block's own.
func Labelled(ctx context.Context, flight, block string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(flightLabel, flight, blockLabel, block))
}

// Of returns those goroutines from the goroutine profile that carry the labels of a block.
func Of(flight, block string) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return "no stacks: " + err.Error()
	}
	isFlight := fmt.Sprintf("%q:%q", flightLabel, flight)
	isBlock := fmt.Sprintf("%q:%q", blockLabel, block)
	var own []string
	_, records, _ := strings.Cut(profile.String(), "\n") // a headline
	for record := range strings.SplitSeq(records, "\n\n") {
		if strings.Contains(record, "pprof.writeGoroutine") {
			continue // the one that asks
		}
		for line := range strings.Lines(record) {
			if strings.HasPrefix(line, "# labels:") && strings.Contains(line, isFlight) && strings.Contains(line, isBlock) {
				own = append(own, strings.TrimSpace(record))
				break
			}
		}
	}
	return strings.Join(own, "\n\n")
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
