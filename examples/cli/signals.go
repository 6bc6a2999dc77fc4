package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// listen passes signals on until the returned function is called: SIGHUP reloads, the others go to the flight, or to the
// next one, while there is none.
func (r *runner) listen() (stop func()) {
	from := r.Signals
	end := func() {}
	if from == nil {
		own := make(chan os.Signal, 16)
		signal.Notify(own, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		from, end = own, func() { signal.Stop(own) }
	}
	// Without this, the first write to a closed pipe, as in "... --tail | head", ends the process on the spot.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)

	done := make(chan struct{})
	r.tasks.Go(func() {
		for {
			select {
			case s := <-from:
				r.signalled(s)
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(pipe)
		end()
		close(done)
		r.tasks.Wait()
	}
}

func (r *runner) signalled(s os.Signal) {
	if s == syscall.SIGHUP {
		// Apart, as it reads files: a signal that comes meanwhile is to be heard.
		r.tasks.Go(func() { _ = r.reload(context.Background()) }) // it logs what goes wrong
		return
	}
	r.last()
	select {
	case r.signals <- s:
	default: // many are waiting already
	}
}
