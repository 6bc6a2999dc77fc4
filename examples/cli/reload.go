package cli

import (
	"context"
	"errors"
	"time"
)

// reloadError is the cause of the end of a flight that another one follows.
type reloadError struct{}

func (reloadError) Error() string { return "the configuration is read anew" }

// Reloading tells blocks, by errors.As, that the process goes on.
func (reloadError) Reloading() bool { return true }

// reload checks what is configured now. With faults the flight goes on; else it ends, and another one begins.
func (r *runner) reload(ctx context.Context) error {
	asked := time.Now()
	set, err := r.frozen()
	if err != nil {
		faults := each(err)
		for _, fault := range faults {
			r.log.Error("fault in the configuration", "error", fault)
		}
		r.log.Error("not reloaded, the old configuration goes on", "faults", len(faults))
		if r.Refused != nil {
			if untold := r.Refused(err); untold != nil {
				r.log.Warn("a refused reload could not be told", "error", untold)
			}
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping:
		err = errors.New("not reloaded: the process is stopping")
	case r.end == nil || r.next != nil:
		r.again = true
		err = errors.New("not reloaded yet: a reload, or the start, is in progress; it will be done after that")
	default:
		r.next, r.asked = &set, asked
		r.log.Info("reloading: the configuration is right")
		r.end(reloadError{})
		return nil
	}
	r.log.Warn("reload", "error", err)
	return err
}
