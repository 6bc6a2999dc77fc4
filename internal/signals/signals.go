// Package signals tells the first signal from those that insist.
package signals

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameDelivery is the time within which further signals count as copies of the first: a terminal
// signals the whole process group, and a parent often passes the signal on.
const sameDelivery = 250 * time.Millisecond

// Listen calls first with the first signal, and again for each that comes later than its copies may. A nil from stands
// for the SIGINT and SIGTERM of the operating system; it may be closed: nothing more will come. A signal that waits
// already is taken before Listen returns. Neither func is called after stop, which must be called once, from
// elsewhere.
func Listen(from <-chan os.Signal, first func(os.Signal), again func()) (stop func()) {
	end := func() {}
	if from == nil {
		own := make(chan os.Signal, 2)
		signal.Notify(own, os.Interrupt, syscall.SIGTERM)
		from, end = own, func() { signal.Stop(own) }
	}
	var came time.Time // the first one
	take := func(s os.Signal, ok bool) {
		switch {
		case !ok:
			from = nil
		case came.IsZero():
			came = time.Now()
			first(s)
		case time.Since(came) >= sameDelivery:
			again()
		}
	}
	select {
	case s, ok := <-from:
		take(s, ok)
	default:
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case s, ok := <-from:
				take(s, ok)
			}
		}
	}()
	return func() {
		end()
		close(quit)
		<-done
	}
}
