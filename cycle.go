package sputnik

import (
	"slices"

	"github.com/sputnik-go/sputnik/internal/stack"
)

// Blocks whose OnMsg goroutines wait for each other in a circle stand still. Each wait of a block for another is an
// edge; only those of the goroutine that calls OnMsg count, as any other one keeps nobody from being served. Whether a goroutine is
// that one is too dear to find out for each request. So it is asked only where the edges, whoever's they are, close a
// circle; then each goroutine on it looks for itself, and the last one to know sees the circle.
const (
	whereUnknown uint32 = iota
	whereAsked
	whereConsumer
	whereElsewhere
)

// blocks tells whether the wait lasts and, where it is a request, whether it depends on the other block's OnMsg.
func (c *call) blocks() bool {
	if c.held != nil {
		return c.held.Pending()
	}
	return c.state.Load() == stateAsking && !c.passed.Load()
}

// inquire is called by the goroutine that is going to wait.
func (c *call) inquire() {
	if c.from == nil || c.to.waits.n.Load() == 0 {
		return
	}
	reached := make(map[*unit]bool)
	var edges []*call
	var visit func(u *unit)
	visit = func(u *unit) {
		if reached[u] {
			return
		}
		reached[u] = true
		for _, k := range u.waits.list() {
			if k.blocks() {
				edges = append(edges, k)
				visit(k.to)
			}
		}
	}
	visit(c.to)
	if !reached[c.from] {
		return
	}
	for _, k := range edges {
		if k.where.CompareAndSwap(whereUnknown, whereAsked) {
			k.done <- answer{inquiry: true}
		}
	}
}

// locate says where the current goroutine is, which is the one that waits.
func (c *call) locate() {
	if !stack.Inside((*life).consume) {
		c.where.Store(whereElsewhere)
		return
	}
	c.where.Store(whereConsumer)
	if on := c.circle(); on != nil && on[0].told.CompareAndSwap(false, true) {
		c.from.in.events.emit(WaitCycle{now(), descriptors(on)})
	}
}

// circle returns the waits that last for each other, c among them; nil if there is none. The first is that of the
// block that comes first in the process.
func (c *call) circle() []*call {
	on := c.follow()
	// What was so before and after is so in between, for all of them at the same time.
	if on == nil || !slices.Equal(on, c.follow()) {
		return nil
	}
	first := 0
	for i, k := range on {
		if k.from.position < on[first].from.position {
			first = i
		}
	}
	return append(on[first:], on[:first]...)
}

func (c *call) follow() (on []*call) {
	for k := c; ; k = k.to.standsFor() {
		switch {
		case k == nil || !k.blocks():
			return nil
		case len(on) > 0 && k == c:
			return on
		case slices.Contains(on, k):
			return nil // a circle that c only waits for
		}
		on = append(on, k)
	}
}

// standsFor returns what the block's OnMsg goroutine is known to wait for.
func (u *unit) standsFor() *call {
	if u.waits.n.Load() == 0 {
		return nil
	}
	for _, k := range u.waits.list() {
		if k.where.Load() == whereConsumer && k.blocks() {
			return k
		}
	}
	return nil
}

// waitsFor names the block that this one waits for, in Send or in a request.
func (u *unit) waitsFor() string {
	if u.waits.n.Load() == 0 {
		return ""
	}
	k := u.standsFor()
	for _, other := range u.waits.list() {
		if k == nil && other.blocks() {
			k = other
		}
	}
	if k == nil {
		return ""
	}
	return k.to.desc.Responsibility
}

// waitCycles returns all circles there are.
func waitCycles(units []*unit) (all [][]BlockDescriptor) {
	for _, u := range units {
		if k := u.standsFor(); k != nil {
			if on := k.circle(); on != nil && on[0] == k {
				all = append(all, descriptors(on))
			}
		}
	}
	return all
}

func descriptors(waits []*call) (all []BlockDescriptor) {
	for _, k := range waits {
		all = append(all, k.from.desc)
	}
	return all
}
