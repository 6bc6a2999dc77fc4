package systemd

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/ending"
)

// teller turns what is seen of the process into messages for the service manager. It is a value: where a message
// couldn't be sent, the one before goes on, so that nothing is left out.
type teller struct {
	conf      Conf
	watchdog  time.Duration // 0: none
	tick      time.Duration // the longest pause between two looks
	monotonic func() uint64

	ready    bool   // READY=1 was told
	ending   bool   // STOPPING=1 or RELOADING=1 was told
	seen     string // the process in words, at the last look
	status   string // as told
	statusAt time.Time
	pinged   time.Time // the last WATCHDOG=1
	withheld string    // why the one that is due isn't sent; empty: none is due
	progress progress
}

// tell returns the message that a look at the process makes necessary; it is empty where all was told. answered is
// false where the engine gave no status in time.
func (t teller) tell(s sputnik.Status, answered bool, now time.Time) (next teller, message string) {
	var lines []string
	turned := false // a change of state carries its STATUS at once
	trouble := "the engine gives no status"
	if answered {
		wasEnding := t.ending
		var moved bool
		t.progress, moved = t.progress.observe(s, now)
		t.seen = summary(s)
		trouble = t.trouble(s, now)
		switch {
		case s.Cause != nil && !t.ending:
			t.ending, turned = true, true
			lines = append(lines, t.farewell(s.Cause))
		case s.Ready && !t.ready:
			t.ready, turned = true, true
			lines = append(lines, "READY=1")
		}
		if wasEnding && moved {
			lines = append(lines, "EXTEND_TIMEOUT_USEC="+strconv.FormatInt((extensions*t.conf.Interval).Microseconds(), 10))
		}
	}
	if t.watchdog > 0 && now.Add(t.tick).Sub(t.pinged) > t.watchdog/2 {
		if t.withheld = trouble; trouble == "" {
			t.pinged = now
			lines = append(lines, "WATCHDOG=1")
		}
	}
	words := t.seen
	if t.withheld != "" {
		words = strings.TrimSuffix("watchdog withheld: "+t.withheld+"; "+words, "; ")
	}
	if words != t.status && (turned || now.Sub(t.statusAt) >= t.conf.Interval) {
		t.status, t.statusAt = words, now
		lines = append(lines, statusLine(words))
	}
	return t, strings.Join(lines, "\n")
}

// extensions is for how many intervals a finish that gets on is extended.
const extensions = 5

// farewell is the message by which the end of the flight begins.
func (t teller) farewell(cause error) string {
	if ending.IsReload(cause) {
		return reloading(t.monotonic)
	}
	return "STOPPING=1"
}

func reloading(monotonic func() uint64) string {
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic())
}

// summary says in words how the process is.
func summary(s sputnik.Status) string {
	switch {
	case ending.IsReload(s.Cause):
		return fmt.Sprintf("reloading: %v", s.Cause)
	case !s.Ready:
		return s.Reason
	}
	n := len(appBlocks(s))
	words := fmt.Sprintf("running, %d blocks", n)
	if n == 1 {
		words = "running, 1 block"
	}
	if s.Connection.State != "" {
		words += ", " + string(s.Connection.State)
	}
	return words
}

// appBlocks leaves out the library's own, which are the first.
func appBlocks(s sputnik.Status) []sputnik.BlockStatus {
	own := 1
	if s.Connection.State != "" {
		own = 2
	}
	return s.Blocks[min(own, len(s.Blocks)):]
}

// maxStatus is the longest STATUS in bytes.
const maxStatus = 1000

// statusLine makes one line of the text: the protocol knows no other, and its receiver takes only UTF-8.
func statusLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "") + "..."
	}
	return "STATUS=" + text
}
