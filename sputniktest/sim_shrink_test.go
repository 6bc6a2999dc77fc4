package sputniktest_test

import (
	"slices"
	"testing"
)

// shrink returns a flight that offends the same guarantee with as little of the plan as can be found: items, then
// blocks, then properties are left out as long as it still fails.
func shrink(t *testing.T, w *world) *world {
	t.Helper()
	try := func(change func(p *plan)) bool {
		p := *w.plan
		p.items, p.blocks = slices.Clone(p.items), slices.Clone(p.blocks)
		change(&p)
		if len(p.listed()) == 0 {
			return false
		}
		again := fly(t, &p)
		if again.o.offence == nil || again.o.offence.invariant != w.o.offence.invariant {
			return false
		}
		w = again
		return true
	}
	for size := len(w.plan.items); size > 0; size /= 2 {
		for i := 0; i < len(w.plan.items); {
			if !try(func(p *plan) { p.items = slices.Delete(p.items, i, min(i+size, len(p.items))) }) {
				i += size
			}
		}
	}
	for slot := range w.plan.blocks {
		if !w.plan.blocks[slot].absent {
			try(func(p *plan) {
				p.blocks[slot].absent = true
				p.items = slices.DeleteFunc(p.items, func(it item) bool { return it.slot == slot && it.call < callServerConnect })
			})
		}
	}
	try(func(p *plan) {
		p.connector = noConnector
		for i := range p.blocks {
			p.blocks[i].linked = false
		}
	})
	try(func(p *plan) { p.observer = false })
	try(func(p *plan) { p.finishDelay = 0 })
	for i := range w.plan.items {
		if w.plan.items[i].count > 1 {
			try(func(p *plan) { p.items[i].count = 1 })
		}
	}
	return w
}

// listed returns the slots of the blocks that are there from the beginning.
func (p *plan) listed() (slots []int) {
	for i, b := range p.blocks {
		if !b.absent && !b.spare {
			slots = append(slots, i)
		}
	}
	return slots
}
