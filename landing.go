package sputnik

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik/internal/allowance"
	"github.com/sputnik-go/sputnik/internal/mailbox"
	"github.com/sputnik-go/sputnik/internal/worker"
)

const (
	// hurryGrace is what is left for all remaining blocks once the finish is cut short, and for the
	// observers after the last block.
	hurryGrace = time.Second
	// lastReserve is what the last application block leaves to the connector and the finisher.
	lastReserve = 3 * time.Second
	// maxTail is what a block keeps of its time once its waiting in Send was ended.
	maxTail = time.Second
)

// land finishes all blocks in strictly reverse order (G4) and settles what launch returns, or, with the
// failure of an Init, what Prepare returns. w is the goroutine of initialisation where no Run was started.
func (in *initiator) land(w *worker.Worker, failure error) {
	defer close(in.landed)
	began := time.Now()
	cause := in.why()
	failure = cmp.Or(failure, cause)
	in.enter(StateFinishing)
	emit(in, ProcessFinishing{now(), cause})
	in.time.Begin()
	if w == nil && in.cfg.finishDelay > 0 {
		worker.Wait(in.hurried, began.Add(in.cfg.finishDelay), nil)
	}
	// Whoever is adding or removing a block is waited for; the token stays here.
	if !worker.Wait(in.gate, began.Add(in.cfg.finishTimeout), in.hurried) {
		in.hurry()
		<-in.gate
	}
	for _, u := range slices.Backward(in.blocks()) {
		in.finish(u, w, nil)
	}
	in.unwatch()

	in.err = in.verdict(cause, failure)
	in.enter(StateFinished)
	emit(in, ProcessFinished{now(), cause, in.err, time.Since(began)})
	if fault := in.events.close(hurryGrace); fault != nil {
		in.err = in.verdict(cause, failure, fault) // another one: observers have the first
	}
}

// finish finishes one block: closes and empties its mailbox, ends its context, calls Finish, awaits Run and all
// other callbacks (G5). A block that doesn't come back in time is abandoned (G7). why tells that it isn't the process
// that ends.
func (in *initiator) finish(u *unit, w *worker.Worker, why error) {
	if w != nil && u.state() != StateInitialised { // its Init failed, or was never called (G2)
		u.box.Close()
		u.account()
		return
	}
	began := time.Now()
	share := in.share(u)
	u.endRestart(began.Add(share / 2))
	l := u.life.Load()
	if !l.down {
		u.enter(StateFinishing)
	}
	emit(in, BlockFinishing{in.now(), u.desc, u.box.Stats().Depth, why})
	if why == nil {
		why = in.why()
	}
	drained := u.box.Close()
	var stuck []string
	if l.down {
		l.release()
	} else {
		if !in.finishes.Wait(drained, began.Add(share/4*3)) {
			u.box.CallOff()
		}
		stuck = l.end(w, why, drained, began, share, &in.finishes, l.release)
	}
	u.settle(stuck, time.Since(began))
	if w != nil && len(stuck) > 0 {
		w.GiveUp()
	}
}

// endRestart lets no further restart begin, and one in progress come to its end until then.
func (u *unit) endRestart(until time.Time) {
	u.mu.Lock()
	u.ending.Close()
	r := u.restarts
	u.mu.Unlock()
	if r != nil && !worker.Wait(r.through, until, u.in.hurried) {
		r.lost.Close()
		<-r.through
	}
}

// account ends the block's accounting, and that of its requests (G13).
func (u *unit) account() mailbox.Stats {
	u.peer.Fail(0, ErrBlockEnded)
	box := u.box.Settle()
	if left := box.Dead - u.box.Dropped(); left > 0 {
		u.fault(&UnhandledError{u.desc, left})
		emit(u.in, MessagesLost{now(), u.desc, left, "left unhandled at the finish"})
	}
	return box
}

// settle closes the block's books.
func (u *unit) settle(stuck []string, took time.Duration) {
	box := u.account()
	u.look() // callbacks that were stalled have returned
	if len(stuck) > 0 {
		u.fault(u.abandon(stuck, took))
	}
	if u.state() != StateAbandoned {
		u.enter(StateFinished)
		emit(u.in, BlockFinished{u.in.now(), u.desc, MailboxStatus(box), took})
	}
}

// abandon notes that the flight goes on without the block; whether that is a fault of its own is left to the caller.
func (u *unit) abandon(callbacks []string, after time.Duration) *AbandonedError {
	err := &AbandonedError{Block: u.desc, Callbacks: callbacks, After: after, Stacks: u.stacks()}
	u.enter(StateAbandoned)
	emit(u.in, BlockAbandoned{now(), u.desc, err})
	return err
}

// stacks returns those of the block's own goroutines.
func (u *unit) stacks() string { return u.in.profile.Of(u.in.id, u.desc.Responsibility) }

// share is a block's own limit, or half of what is left, so that those that follow always get something; the
// last of the application gets more, as only the connector and the finisher follow.
func (in *initiator) share(u *unit) time.Duration {
	if in.time.Left() <= 0 {
		in.hurry()
	}
	units, reserve := in.blocks(), allowance.Half
	switch {
	case len(units) > in.cfg.own && u == units[in.cfg.own]: // the last of the application
		reserve = lastReserve
	case u == units[0]: // the last one
		reserve = 0
	}
	return in.time.Share(u.life.Load().block.finishTimeout, reserve, len(units))
}

// hurry cuts the finish short because its limit is used up (G7).
func (in *initiator) hurry() { in.cut(fmt.Errorf("finish: %w (%v)", ErrTimeout, in.cfg.finishTimeout)) }

// cut cuts the finish short: every context ends, no further message is handled, and all that is left to do
// shares a short limit (G9).
func (in *initiator) cut(why error) {
	if !in.time.Cut(why) {
		return
	}
	emit(in, ProcessHurried{now(), errors.Is(why, ErrForced)})
	for _, u := range in.blocks()[in.cfg.own:] {
		l := u.life.Load()
		l.release()
		l.End(in.why())
	}
}

// verdict makes the error of the flight: the cause first, then block by block what went wrong (G8).
func (in *initiator) verdict(cause, failure error, more ...error) error {
	var faults []error
	if cut := in.time.Cause(); cut != nil {
		faults = append(faults, cut)
	}
	in.mu.Lock()
	units := slices.Concat(in.units, in.left)
	in.mu.Unlock()
	for _, u := range slices.Backward(units) {
		u.mu.Lock()
		for _, f := range u.faults {
			if f != failure && f != cause { //nolint:errorlint // this very one
				faults = append(faults, f)
			}
		}
		u.mu.Unlock()
	}
	faults = append(faults, more...)
	dirty := len(faults) > 0
	switch failure.(type) { //nolint:errorlint // a context's cause may wrap that of another flight
	case *BlockError, *RestartError:
		dirty = true
	case *InitError:
		if !dirty {
			return failure
		}
	}
	if dirty {
		return &FlightError{Cause: failure, Faults: faults}
	}
	return nil
}
