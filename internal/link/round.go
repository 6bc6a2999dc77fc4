package link

import (
	"context"
	"slices"
	"time"
)

// roundPatience is what one round waits, all in all, for slow receivers. Those that are quick are thus told
// strictly one after another; a slow one doesn't keep the others waiting.
const roundPatience = 100 * time.Millisecond

// Tell sets the state of the connection for all receivers: of a new one in order, of a loss, number 0, in
// reverse. It waits for nobody once ctx has ended.
func Tell(ctx context.Context, links []*Link, number int, conn any) {
	ctx, cancel := context.WithTimeout(ctx, roundPatience)
	defer cancel()
	if number == 0 {
		links = slices.Clone(links)
		slices.Reverse(links)
	}
	for _, l := range links {
		if told := l.Set(number, conn); told != nil {
			select {
			case <-told:
			case <-ctx.Done():
			}
		}
	}
}
