// Package backoff tells how long to wait before something that failed is tried again.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Pause is the pause after so many failures, from 1: at most base after the first, twice as much after each further
// one, never more than longest. It has full jitter, so that those who failed together don't come back together. It is
// never 0.
func Pause(failures int, base, longest time.Duration) time.Duration {
	for i := 1; i < failures && base < longest; i++ {
		base += min(base, longest-base)
	}
	return rand.N(min(base, longest)) + 1
}
