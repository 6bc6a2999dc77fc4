package sputnik_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sputnik-go/sputnik"
)

// TestABlockAtRestIsSmall guards what a block costs whose Run has returned, the test's own part included. What a block holds for rare cases is to be made when they occur.
func TestABlockAtRestIsSmall(t *testing.T) {
	const n, most = 5000, 1600
	heap := func() int {
		runtime.GC()
		runtime.GC() // pools keep theirs for one cycle
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) //nolint:gosec // it is small
	}
	returns := sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return nil })
	var c crew
	for i := range n {
		c = append(c, idle(strconv.Itoa(i), sputnik.WithOnMsg(func(sputnik.Msg) {}), returns))
	}
	running := make(chan struct{})
	c = append(c, idle("running", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
		close(running)
		return nil
	})))
	before := heap()
	stop := benchFlight(t, c)
	<-running
	took := (heap() - before) / n
	stop()
	assert.Less(t, took, most, "bytes")
	t.Logf("%d bytes a block", took)
}
