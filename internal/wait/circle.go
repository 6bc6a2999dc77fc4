package wait

import "slices"

// Those whose serving goroutines wait for each other in a circle stand still. Each wait is an edge from one peer to
// another; only those of the goroutine that serves messages count, as any other one keeps nobody from being served.
// Whether a goroutine is that one is too dear to find out for each request. So it is asked only where edges, whoever's
// they are, close a circle; then each goroutine on it looks for itself, and the last one to know sees the circle.
const (
	unknown uint32 = iota
	inquired
	serving
	elsewhere
)

// lasts tells whether the wait goes on and, where it is a request, whether it depends on the goroutine that serves the
// other.
func (w *Wait[N]) lasts() bool { return w.goesOn() && !w.passed.Load() }

func (w *Wait[N]) goesOn() bool {
	if held := w.post.held; held != nil {
		return held.Pending()
	}
	return w.Asking()
}

// inquire is called when the wait begins, and when it turns to another peer.
func (w *Wait[N]) inquire() {
	if has := w.has(); has != nil && has.waits.any() && has.waits.n.Load() < maxInquired {
		w.look(has)
	}
}

// maxInquired is how many waits a peer may have if it is to be looked at each time that another waits for it: beyond,
// that is too dear, and left to Inquire.
const maxInquired = 64

// Inquire looks for circles through all that p waits for.
func (p *Peer[N]) Inquire() {
	for _, w := range p.waits.only((*Wait[N]).lasts) {
		if has := w.has(); has != nil {
			w.look(has)
		}
	}
}

func (w *Wait[N]) look(has *Peer[N]) {
	reached := make(map[*Peer[N]]bool)
	var edges []*Wait[N]
	var visit func(p *Peer[N])
	visit = func(p *Peer[N]) {
		if p == nil || reached[p] {
			return
		}
		reached[p] = true
		for _, k := range p.waits.only((*Wait[N]).lasts) {
			edges = append(edges, k)
			visit(k.has())
		}
	}
	visit(has)
	if !reached[w.post.from] {
		return
	}
	for _, k := range edges {
		k.ask()
	}
	w.tell()
}

// ask has the waiting goroutine say where it is.
func (w *Wait[N]) ask() {
	w.post.from.waits.own.Lock() // the post is this one's for as long as it goes on
	defer w.post.from.waits.own.Unlock()
	if w.goesOn() && w.where.CompareAndSwap(unknown, inquired) {
		w.post.bell <- true
	}
}

// locate says where the current goroutine is, which is the one that waits.
func (w *Wait[N]) locate() {
	if !w.post.from.Inside() {
		w.where.Store(elsewhere)
		return
	}
	w.where.Store(serving)
	w.tell()
}

// tell tells of the circle that the wait is part of, once.
func (w *Wait[N]) tell() {
	if w.where.Load() != serving {
		return
	}
	if on := w.circle(); len(on) > 0 && on[0].first(on) {
		w.post.from.OnCircle(names(on))
	}
}

// first tells whether the circle, of which w is the first, is to be told.
func (w *Wait[N]) first(on []*Wait[N]) bool {
	w.post.from.waits.own.Lock()
	defer w.post.from.waits.own.Unlock()
	if !w.goesOn() || slices.Equal(w.post.told, on) {
		return false
	}
	w.post.told = on
	return true
}

// circle returns the waits that last for each other, w among them, or nil. The first is that of the peer that comes
// first.
func (w *Wait[N]) circle() []*Wait[N] {
	on := w.follow()
	// What was so before and after was so in between, for all of them at the same time.
	if on == nil || !slices.Equal(on, w.follow()) {
		return nil
	}
	first := 0
	for i, k := range on {
		if k.post.from.Order < on[first].post.from.Order {
			first = i
		}
	}
	return slices.Concat(on[first:], on[:first])
}

func (w *Wait[N]) follow() (on []*Wait[N]) {
	for k := w; ; k = k.has().servingWait() {
		switch {
		case k == nil || !k.lasts():
			return nil
		case len(on) > 0 && k == w:
			return on
		case slices.Contains(on, k):
			return nil // a circle that w only waits for
		}
		on = append(on, k)
	}
}

// servingWait returns what the goroutine that serves p is known to wait for.
func (p *Peer[N]) servingWait() *Wait[N] {
	if p == nil {
		return nil
	}
	for _, k := range p.waits.only((*Wait[N]).lasts) {
		if k.where.Load() == serving {
			return k
		}
	}
	return nil
}

// WaitsFor returns the one that this one waits for, by the goroutine that serves it or by another one.
func (p *Peer[N]) WaitsFor() (name N, waits bool) {
	all := []*Wait[N]{p.servingWait()}
	if all[0] == nil {
		all = p.waits.only((*Wait[N]).goesOn)
	}
	for _, k := range all {
		if has := k.has(); has != nil {
			return has.Name, true
		}
	}
	return name, false
}

// Circles returns those that stand still for each other, if p is the first of them: one circle, or none.
func (p *Peer[N]) Circles() [][]N {
	if k := p.servingWait(); k != nil {
		if on := k.circle(); len(on) > 0 && on[0] == k {
			return [][]N{names(on)}
		}
	}
	return nil
}

func names[N any](waits []*Wait[N]) (all []N) {
	for _, k := range waits {
		all = append(all, k.post.from.Name)
	}
	return all
}
