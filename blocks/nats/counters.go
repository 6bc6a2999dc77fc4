package nats

import "github.com/sputnik-go/sputnik/blocks/internal/count"

// The producer itself takes one request: {"command": "counters"} is answered by {"counters": map[string]uint64}. Any other
// is answered by {"error": string}.
const (
	KeyCommand      = count.KeyCommand
	CommandCounters = count.Command
	KeyCounters     = count.KeyCounters
	KeyError        = count.KeyError
)

// counters say what became of the messages: accepted = acknowledged + dead_lettered + refused + given_up + in_flight.
type counters struct {
	accepted     uint64 // taken from the mailbox
	published    uint64 // sent to the server for the first time
	repeated     uint64 // sent again, most on another connection
	acknowledged uint64 // known to be stored
	duplicates   uint64 // of those, recognised by the stream as there already
	found        uint64 // of those, found in the stream by a look-up after an outage
	refused      uint64 // for good, and neither stored nor a dead letter
	deadLettered uint64 // stored as a dead letter
	cut          uint64 // of those, too long to be stored as a whole
	givenUp      uint64 // not acknowledged when the block ended
}

// counters is a snapshot, with what is in flight.
func (p *publisher) counters() map[string]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	inFlight, bytes := p.window.unsettled()
	return map[string]uint64{
		"accepted":        p.count.accepted,
		"published":       p.count.published,
		"repeated":        p.count.repeated,
		"acknowledged":    p.count.acknowledged,
		"duplicates":      p.count.duplicates,
		"found":           p.count.found,
		"refused":         p.count.refused,
		"dead_lettered":   p.count.deadLettered,
		"cut":             p.count.cut,
		"given_up":        p.count.givenUp,
		"in_flight":       uint64(inFlight),
		"in_flight_bytes": uint64(bytes),
	}
}

func (p *publisher) report() {
	counted := p.counters()
	var args []any
	for _, name := range []string{"acknowledged", "found", "repeated", "dead_lettered", "refused", "given_up"} {
		args = append(args, name, counted[name])
	}
	p.log.Info("published in all", args...)
}
