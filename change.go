package sputnik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sputnik-go/sputnik/internal/worker"
)

var (
	// ErrNotRunning says that blocks can't be added or removed: the process is not launched yet, or finishes, or the
	// block that asks for it does.
	ErrNotRunning = errors.New("the process is not running")
	// ErrReserved says that the initiator, the finisher and the connector can't be removed.
	ErrReserved = errors.New("a part of the process itself can't be removed")
)

// RemoveRequestError is the cause of a block's finish by [RemoveBlock].
type RemoveRequestError struct{ By BlockDescriptor }

func (e *RemoveRequestError) Error() string { return "removed by block " + e.By.String() }

// AddBlock adds a block to the running process behind bc: Init, Attach, Run, then messages and the current connection.
// It comes last in the list, and finishes first (G4). AddBlock returns when Run was started. It may be called from any
// goroutine of a running block.
//
// With an error the block isn't in the process. It is a *[SetupError] (no factory, the responsibility is taken, ...),
// an *[InitError] after a rollback of this block alone (G2), ErrNotRunning, ErrNoBlock where no process is behind bc,
// or the cause of ctx's end. That interrupts the wait for other changes, which are made one at a time, and, like a
// stop, the Init. An Init or Attach that overruns its limit is left behind with its goroutine, and is in launch's
// error as well. A factory that hangs leaves its goroutine behind, too, but launch's error doesn't name it.
func AddBlock(ctx context.Context, bc BlockCommunicator, d BlockDescriptor) error {
	return change(ctx, bc, func(halt context.Context, from *unit) error { return from.in.add(halt, d) })
}

// RemoveBlock finishes one application block as at the end of the process (G5), within the time that it would have
// there ([WithBlockFinishTimeout]), and forgets it: handles on it refuse all messages, and its responsibility is free.
// Nothing that this finish waits for may wait for RemoveBlock: the block would be abandoned.
//
// ctx limits the wait for other changes only. The error is the cause of its end, ErrNoBlock, ErrReserved, ErrSelf,
// ErrNotRunning, or, though the block is gone, what went wrong with its finish: *[AbandonedError], *[UnhandledError],
// *[BlockError], and the failure of a block that was waiting for its restart. Beside the finish, RemoveBlock costs time
// in proportion to the number of blocks.
func RemoveBlock(ctx context.Context, bc BlockCommunicator, resp string) error {
	return change(ctx, bc, func(_ context.Context, from *unit) error { return from.in.remove(from, resp) })
}

// change lets one change of the block list be made at a time, and only while the process runs.
func change(ctx context.Context, bc BlockCommunicator, do func(halt context.Context, from *unit) error) error {
	from := origin(bc)
	if from == nil {
		return fmt.Errorf("no process: %w", ErrNoBlock)
	}
	in := from.in
	if s := from.state(); !in.claimed.Load() || s == StateCreated || s == StateInitialised {
		return fmt.Errorf("%w: wait for Run", ErrNotRunning)
	}
	halt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := func() { cancel(fmt.Errorf("%w: %w", ErrNotRunning, cmp.Or(in.why(), ErrBlockEnded))) }
	defer context.AfterFunc(in.alive, stopped)()
	if worker.Closed(in.stopping) || from.ending.Closed() {
		stopped()
	}
	for _, admitted := range []<-chan struct{}{in.flying, in.gate} {
		select {
		case <-admitted:
			continue
		case <-halt.Done():
		case <-from.ending.Done(): // else two blocks that remove each other would wait for each other
			stopped()
		}
		return context.Cause(halt)
	}
	defer func() { in.gate <- struct{}{} }()
	if halt.Err() != nil { // select chooses at random
		return context.Cause(halt)
	}
	return do(halt, from)
}

func (in *initiator) add(halt context.Context, d BlockDescriptor) error {
	var w worker.Worker
	defer w.GiveUp()
	all := in.blocks()
	position := all[len(all)-1].position + 1
	other := 0
	if u, taken := in.byResp.Find(d.Responsibility); taken {
		other = u.position
	}
	faults := in.cfg.vet(d, position, other)
	made, wrong := in.create(&w, in.patience(halt, in.hurried), position, d)
	if faults = append(faults, wrong...); len(faults) > 0 {
		return &SetupError{faults}
	}
	u := newUnit(in, d, made[0], position)
	if failed := in.bringUp(halt, in.hurried, &w, u); failed != nil {
		u.fault(failed)
		in.finish(u, &w, failed)
		in.forget(u)
		return failed
	}
	in.mu.Lock()
	in.units = append(in.units, u)
	in.mu.Unlock()
	in.byResp.Add(d.Responsibility, u)
	u.life.Load().start(make(chan struct{}))
	u.life.Load().open()
	worker.Nudge(in.added)
	return nil
}

func (in *initiator) remove(from *unit, resp string) error {
	u, ok := in.byResp.Find(resp)
	switch {
	case resp == InitiatorResponsibility, ok && u.position <= in.cfg.own:
		return fmt.Errorf("block %q: %w", resp, ErrReserved)
	case !ok:
		return fmt.Errorf("block %q: %w", resp, ErrNoBlock)
	case u == from:
		return fmt.Errorf("block %q: %w", resp, ErrSelf)
	}
	in.finish(u, nil, &RemoveRequestError{from.desc})
	in.forget(u)
	u.mu.Lock()
	defer u.mu.Unlock()
	return errors.Join(u.faults...)
}

// forget makes an end of a block: only one that has left goroutines behind is kept, for the final error (G10).
func (in *initiator) forget(u *unit) {
	in.setDown(u.desc, nil)
	in.byResp.Remove(u.desc.Responsibility, u)
	hangs := u.state() == StateAbandoned
	in.mu.Lock()
	defer in.mu.Unlock()
	in.units = slices.DeleteFunc(slices.Clone(in.units), func(other *unit) bool { return other == u })
	if hangs {
		in.left = append(in.left, u)
	}
}
