package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// runner is the command run: one flight after another.
type runner struct {
	*program
	signals chan os.Signal // to the finisher of the flight
	tasks   sync.WaitGroup

	mu       sync.Mutex
	stopping bool                    // the process ends with this flight
	again    bool                    // SIGHUP came while a reload, or the start, was in progress
	end      context.CancelCauseFunc // of the flight; nil: it can't be reloaded now
	next     *settings               // of the flight to come; nil: none was asked for
	asked    time.Time               // when next was
}

func (r *program) run() error {
	set, err := r.frozen()
	if err != nil {
		return err
	}
	r.log.Info("starting", "program", r.Name, "version", release(), "conf", cmp.Or(r.args.Conf, "built-in"))
	run := &runner{program: r, signals: make(chan os.Signal, 16)}
	defer run.listen()()
	if err := run.flyAll(set); !interrupted(err) {
		return err
	}
	return nil
}

// interrupted tells whether nothing went wrong but that a signal came while the blocks were initialised.
func interrupted(err error) bool {
	parts := each(err)
	in, ok := errors.AsType[*sputnik.InitError](parts[0])
	if !ok || len(parts) > 1 {
		return false
	}
	_, signalled := in.Err.(*sputnik.SignalError) //nolint:errorlint // that alone, and not with another one
	return signalled
}

// flyAll flies with set, and again with each configuration that is asked for, until a flight ends for another reason.
func (r *runner) flyAll(set settings) error {
	up, err := r.prepare(set)
	if err != nil {
		return err
	}
	var left []error // what flights that ended for a reload could not finish
	for {
		err := r.fly(up)
		next, asked := r.following(up)
		if next == nil {
			return errors.Join(append(left, err)...)
		}
		if err != nil {
			r.log.Error("the flight before the reload did not end cleanly", "error", err)
			left = append(left, err)
		}
		if up, err = r.prepare(*next); err == nil {
			set = *next
			r.log.Info("reloaded", "took", time.Since(asked))
			continue
		}
		if r.ends() {
			return errors.Join(append(left, err)...)
		}
		r.log.Error("the new configuration doesn't come up, back to the old one", "error", err)
		var twice error
		if up, twice = r.prepare(set); twice != nil {
			return errors.Join(append(left, err, twice)...)
		}
	}
}

// flight is a process that is prepared, and what it needs beside its blocks.
type flight struct {
	sputnik *sputnik.Sputnik
	launch  sputnik.Launch
	closer  io.Closer
	end     context.CancelCauseFunc
}

// prepare brings everything up. What is closed in the end stands until all blocks have finished.
func (r *runner) prepare(set settings) (up flight, err error) {
	ctx, end := context.WithCancelCause(context.Background())
	up.end = end
	f := Flight{Conf: set.cf, Blocks: set.blocks, Log: r.log, Level: &r.level, Stdout: r.Stdout, Reload: r.reload, Last: r.last}
	opts := []sputnik.SputnikOption{
		sputnik.WithConfFactory(set.cf),
		sputnik.WithAppBlocks(set.blocks),
		sputnik.WithBlockFactories(r.factories(f)),
		sputnik.WithLogger(r.log),
		sputnik.WithSignals(r.signals),
		sputnik.WithContext(ctx),
	}
	if r.Open != nil {
		var more []sputnik.SputnikOption
		if more, up.closer, err = r.Open(f); err != nil {
			end(nil)
			return up, r.locate(err)
		}
		opts = append(opts, more...)
	}
	if up.sputnik, err = sputnik.NewSputnik(append(opts, r.Options...)...); err == nil {
		up.launch, _, err = up.sputnik.Prepare()
	}
	if err != nil {
		err = errors.Join(r.locate(err), up.close())
	}
	return up, err
}

// fly returns when the flight has ended.
func (r *runner) fly(up flight) error {
	r.mu.Lock()
	r.end, r.next = up.end, nil
	if r.again {
		r.again = false
		r.tasks.Go(func() { _ = r.reload(context.Background()) }) // it logs what goes wrong
	}
	r.mu.Unlock()
	return errors.Join(up.launch(), up.close())
}

func (up flight) close() error {
	up.end(nil)
	if up.closer == nil {
		return nil
	}
	return up.closer.Close()
}

// following is the configuration of the flight that comes after up; nil: none.
func (r *runner) following(up flight) (*settings, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = nil
	if _, reloading := errors.AsType[reloadError](up.sputnik.Status().Cause); !reloading || r.stopping {
		r.stopping = true
		return nil, time.Time{}
	}
	return r.next, r.asked
}

// last lets no other flight follow.
func (r *runner) last() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
}

func (r *runner) ends() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopping
}
