package sputniktest_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// An actor is one sequential party of a simulated flight: a callback of an instance of a block, the server, a
// goroutine of the host. No two actors ever act at the same instant: each wakes up only at instants that are its
// own, modulo a grid. What happens within one instant is then the consequence of a single act, and the order of
// all acts is a matter of the plan alone, not of the scheduler. The rule that goes with it: whenever the
// library has let an actor go on, it first sleeps.
type actor struct {
	w     *world
	id    int
	name  string
	lines int // in the trace so far
	draws uint64
	sent  int // messages so far; see mail
}

// grid is a prime, so that the library's limits don't lead from one actor's instants to those of another.
const grid = 1_000_003 * time.Nanosecond

// Ids of actors. Those of blocks are computed from slot, instance and callback.
const (
	idMain     = 1
	idServer   = 2
	idGuardian = 3
	idBlocks   = 16
	idSteps    = 1200
	idReplies  = 1600
	perBlock   = 8 // actors of an instance
	instances  = 8 // whose actors are told apart; more never live at the same time
)

func (w *world) actor(id int, format string, args ...any) *actor {
	return &actor{w: w, id: id, name: fmt.Sprintf(format, args...)}
}

// dally sleeps for up to d, as the actor's own source of chance says.
func (a *actor) dally(d time.Duration) {
	a.draws++
	r := rand.New(rand.NewPCG(a.w.plan.seed, uint64(a.id)<<32|a.draws))
	a.sleep(time.Duration(r.Int64N(int64(d) + 1)))
}

func (a *actor) say(format string, args ...any) {
	a.w.trace.add(a, fmt.Sprintf(format, args...))
}
