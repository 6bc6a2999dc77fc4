package sputnik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik/internal/backoff"
	"github.com/sputnik-go/sputnik/internal/lazy"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// RestartWhen says what makes a block start anew; see [RestartPolicy].
type RestartWhen uint8

const (
	// RestartNever is the default: a failure of the block stops the process (G11).
	RestartNever RestartWhen = iota
	// RestartOnFailure restarts the block when Run, OnMsg or a connection callback fails: by an error, a panic, or
	// Goexit.
	RestartOnFailure
	// RestartAlways restarts it also when Run returns without one.
	RestartAlways
)

// Defaults of [RestartPolicy].
const (
	DefaultRestartBackoff    = 100 * time.Millisecond
	DefaultRestartBackoffCap = 30 * time.Second
	DefaultRestartMax        = 5
	DefaultRestartWindow     = time.Minute
)

// RestartPolicy says when a block is restarted, and how often. Fields that are 0 have defaults: never to give up takes
// a large Max.
type RestartPolicy struct {
	When       RestartWhen
	Backoff    time.Duration // longest pause before the first restart; it doubles each time; full jitter
	BackoffCap time.Duration // longest pause of all
	Max        int           // restarts within Window; one more failure stops the process; 0 is 5
	Window     time.Duration
}

// WithRestart lets the block survive its failures: the instance that failed is finished, with Finish(false) where it
// has a Finish, and when all its callbacks have returned, a new one is made by the factory and initialised. Messages
// meanwhile queue up, handles on the block stay good, and the new instance is told of the current connection. The
// message that failed is not delivered again; requests that the old instance had taken fail, those that it sent on
// don't. After more than Max restarts within Window the process stops with a *[RestartError].
//
// Callbacks of two instances never run at once: if one of the old ones doesn't return within the block's finish limit
// ([WithBlockFinishTimeout], else half of the process's), the block is abandoned and the process stops. Other
// goroutines are the block's own business: what it has started and doesn't end goes on beside the next instance.
//
// An Init, Attach or factory that fails counts as one more failure. An Init or Attach that overruns its limit stops the
// process. A factory that does is called again, and its goroutine is left behind, not named in launch's error.
//
// If the process stops, or the block is removed, during the pause, the pause ends. The mailbox accepts messages until
// it is the block's turn to finish. If any wait, one last instance is made for them, unless the finish is cut short.
func WithRestart(p RestartPolicy) BlockOption {
	return func(b *Block) {
		if p.When > RestartAlways {
			b.fault("WithRestart: unknown policy %d: use RestartOnFailure or RestartAlways", p.When)
		}
		if p.Backoff < 0 || p.BackoffCap < 0 || p.Max < 0 || p.Window < 0 {
			b.fault("WithRestart: %+v: must not be negative", p)
		}
		b.restart = &p
	}
}

// RestartError says that a block failed too often. It is the cause of the process's stop.
type RestartError struct {
	Block  BlockDescriptor
	Count  int           // restarts
	Window time.Duration // within which they happened
	Err    error         // the first failure within Window
}

func (e *RestartError) Error() string {
	return fmt.Sprintf("block %s: failed again after %d restarts within %v; the first failure: %v", e.Block, e.Count, e.Window, e.Err)
}
func (e *RestartError) Unwrap() error { return e.Err }

// errReturned is why RestartAlways restarts a block that did not fail.
var errReturned = errors.New("returned")

// restart has the failed instance replaced, and tells whether it is going to be.
func (u *unit) restart(l *life, failure error) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case l.replaced:
		return true
	case l.block.policy().When == RestartNever || u.ending.Closed() || worker.Closed(u.in.stopping):
		return false
	}
	l.replaced = true
	u.book.state, u.book.since = StateRestarting, time.Now()
	u.in.setDown(u.desc, failure)
	paused := u.box.Pause() // at once: the instance gets no further message, and no news
	l.link.Close()
	u.restarts = cmp.Or(u.restarts, new(restarts))
	before, through := u.restarts.through, make(chan struct{})
	u.restarts.through = through
	go func() {
		defer close(through)
		pprof.SetGoroutineLabels(context.Background()) // it isn't the block's
		<-u.in.flying                                  // every Run was started
		if before != nil {
			<-before
		}
		u.replace(l, failure, paused)
	}()
	return true
}

// restarts is what a block needs that has been restarted.
type restarts struct {
	storm   backoff.Storm
	lost    lazy.Latch    // closed when the one in progress has to give up
	through chan struct{} // closed when the last one is through
}

// replace ends the instance that failed and makes others until one is up, or until that is no longer wanted.
func (u *unit) replace(l *life, failure error, paused <-chan struct{}) {
	in, policy, first := u.in, l.block.policy(), failure
	most, window := cmp.Or(policy.Max, DefaultRestartMax), cmp.Or(policy.Window, DefaultRestartWindow)
	if !u.takeDown(l, nil, failure, paused) {
		u.stayDown(failure)
		return
	}
	for {
		n, ok := u.restarts.storm.Count(failure, most, window)
		if !ok {
			u.stayDown(&RestartError{u.desc, n, window, u.restarts.storm.First()})
			return
		}
		pause := backoff.Pause(n, cmp.Or(policy.Backoff, DefaultRestartBackoff), cmp.Or(policy.BackoffCap, DefaultRestartBackoffCap))
		emit(in, BlockRestarting{now(), u.desc, failure, n, pause})
		wanted := !worker.Wait(u.ending.Done(), time.Now().Add(pause), in.stopping) && !worker.Closed(in.stopping)
		if !wanted && u.box.Stats().Depth == 0 {
			<-u.ending.Done() // until its turn, others may yet send
		}
		if !wanted && (u.box.Stats().Depth == 0 || u.restarts.lost.Closed() || worker.Closed(in.hurried)) {
			u.stayDown(first, failure)
			return
		}
		next, err := u.renew()
		if err == nil {
			u.note(func(b *book) { b.restarts++ })
			next.start(make(chan struct{}))
			next.open()
			return
		}
		if !wanted || u.state() == StateAbandoned { // there must never be two
			u.stayDown(first, err)
			return
		}
		failure = err
	}
}

// stayDown notes that there will be no other instance.
func (u *unit) stayDown(failures ...error) {
	u.life.Load().down = true
	u.failed(StateRestarting, failures[0])
	for _, err := range slices.Compact(failures) {
		u.fault(err)
	}
	u.box.Close()
	u.peer.Fail(0, ErrBlockEnded)
	u.stop(failures[0])
}

// renew makes the next instance and brings it up to Attach.
func (u *unit) renew() (*life, error) {
	in := u.in
	var w worker.Worker
	defer w.GiveUp()
	made, faults := in.create(&w, in.patience(context.Background(), u.restarts.lost.Done()), u.position, u.desc)
	b := made[0]
	before := u.life.Load().block
	if len(faults) == 0 && (b.shape != before.shape || b.policy() != before.policy() || (b.onMsg != nil) != u.receives) {
		faults = []error{fmt.Errorf("block %d (%s): the factory returned a block with other options than before", u.position, u.desc)}
	}
	if len(faults) > 0 {
		return nil, u.notUp("factory", &SetupError{faults})
	}
	next := newLife(u, b)
	u.life.Store(next)
	err := in.bringUp(context.Background(), u.restarts.lost.Done(), &w, u)
	if err != nil && next.initialised && u.state() != StateAbandoned { // Attach failed
		u.takeDown(next, &w, err, u.box.Pause())
	}
	return next, err
}

// takeDown ends an instance, to make room for the next one, and tells whether it went: else it is abandoned.
func (u *unit) takeDown(l *life, w *worker.Worker, cause error, idle <-chan struct{}) bool {
	began, limit := time.Now(), u.in.cfg.finishTimeout
	share := min(cmp.Or(l.block.finishTimeout, limit/2), limit)
	stuck := l.end(w, cause, idle, began, share, &worker.Waiter{Cut: u.restarts.lost.Done()}, l.timeUp)
	u.peer.Fail(int(l.number), ErrBlockEnded)
	if len(stuck) > 0 {
		u.fault(u.abandon(stuck, time.Since(began)))
	}
	return len(stuck) == 0
}
