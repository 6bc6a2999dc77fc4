// Package signals tells the first signal from those that insist.
package signals

import (
	"os"
	"time"
)

// sameDelivery is the time within which further signals count as copies of the first: a terminal
// signals the whole process group, and a parent often passes the signal on.
const sameDelivery = 250 * time.Millisecond

// Listen calls first with the first signal, and again with each that comes later than its copies may. Neither is called
// after stop, which must be called once, from elsewhere. A signal that waits already is taken before Listen returns. The
// channel may be closed: nothing more will come.
func Listen(from <-chan os.Signal, first func(os.Signal), again func()) (stop func()) {
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
		close(quit)
		<-done
	}
}
