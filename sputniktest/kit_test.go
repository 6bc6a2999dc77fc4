package sputniktest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// world is what a bad block or connector may use to be bad, and still be got rid of: everything that hangs for ever
// waits for the end of it. Each check has its own.
type world struct{ end chan struct{} }

// hang waits for ever, as far as the kit can see.
func (w *world) hang() { <-w.end }

// pause takes its time, but no longer than the world.
func (w *world) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.end:
	}
}

// tries plays all checks of a kit against something bad and returns the names of those that fail.
func tries(t *testing.T, w *world, k *kit) (failed []string) {
	t.Helper()
	k.around = func(judge func()) {
		w.end = make(chan struct{})
		judge()
		close(w.end)
		if currentBubble() != "" {
			synctest.Wait()
		}
	}
	for _, c := range k.checks {
		t.Run(c.name, func(t *testing.T) {
			faults, skip := k.try(t, c)
			for _, f := range faults {
				t.Log(f.text)
			}
			if skip != "" {
				t.Log("skipped: " + skip)
			}
			if len(faults) > 0 {
				failed = append(failed, c.name)
			}
		})
	}
	return failed
}

// Every check has a reason to be: something bad that fails this one and no other.
func TestEveryCheckBites(t *testing.T) {
	bitten := map[string]bool{}
	for _, b := range badBlocks() {
		bitten[b.fails] = true
	}
	for _, c := range newBlockKit(nil).checks {
		assert.True(t, bitten[c.name], "no bad block fails %q", c.name)
		assert.NotEmpty(t, c.offends, c.name)
		assert.NotEmpty(t, c.advice, c.name)
		assert.NotZero(t, c.kinds, c.name)
	}
}

func TestBadBlockFailsExactlyOneCheck(t *testing.T) {
	for _, b := range badBlocks() {
		t.Run(b.name, func(t *testing.T) {
			w := new(world)
			assert.Equal(t, []string{b.fails}, tries(t, w, newBlockKit(b.make(w), b.options...)))
		})
	}
}

func TestBadBlockFailsInRealTime(t *testing.T) {
	for _, b := range badBlocks() {
		switch b.name {
		case "the factory starts a goroutine", "Run ignores its context", "OnMsg asserts types":
			t.Run(b.name, func(t *testing.T) {
				w := new(world)
				k := newBlockKit(b.make(w), append(b.options, WithRealTime(), WithLimit(100*time.Millisecond))...)
				assert.Equal(t, []string{b.fails}, tries(t, w, k))
			})
		}
	}
}

func TestGoodBlockPasses(t *testing.T) {
	for name, b := range goodBlocks() {
		t.Run(name, func(t *testing.T) {
			Block(t, b, WithMessages(lines), WithPeer("sink", new(Recorder).Factory))
		})
	}
}

func TestGoodBlockPassesInRealTime(t *testing.T) {
	Block(t, goodBlocks()["BlockOf"], WithMessages(lines), WithRealTime())
}

func TestWithoutLeavesOut(t *testing.T) {
	k := newBlockKit(func() *sputnik.Block { return nil }, Without("factory", "it is like that"))
	faults, skip := k.try(t, k.checks[0])
	require.Empty(t, faults)
	assert.Equal(t, "left out: it is like that", skip)
}
