// Package count is how a block tells what it has counted to whoever asks by [sputnik.Request].
package count

import (
	"fmt"
	"log/slog"

	"github.com/sputnik-go/sputnik"
)

// The request and its answers.
const (
	KeyCommand  = "command"  // string, in the request
	Command     = "counters" // what it has to be
	KeyCounters = "counters" // map[string]uint64, in the answer
	KeyError    = "error"    // string, in the answer to any other command
)

// Answer answers a request. The counters are asked for only by one for them, and pass to the asker.
func Answer(log *slog.Logger, msg sputnik.Msg, counters func() map[string]uint64) {
	answer := sputnik.Msg{KeyError: fmt.Sprintf("unknown command %v: there is %q", msg[KeyCommand], Command)}
	if msg[KeyCommand] == Command {
		answer = sputnik.Msg{KeyCounters: counters()}
	}
	if err := sputnik.Reply(msg, answer); err != nil {
		log.Debug("a message that asks for nothing, or not any more", "error", err)
	}
}
