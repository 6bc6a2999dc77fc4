package stack

import (
	"bytes"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Profile finds goroutines by their labels. A profile of all goroutines is dear, so one serves all who ask shortly
// after. The zero value is ready, and safe for concurrent use.
type Profile struct {
	mu    sync.Mutex
	at    time.Time
	cost  time.Duration
	found map[owner][]string
}

type owner struct{ flight, block string }

// Of returns the goroutines that carry the labels of a block, in the form of the goroutine profile: as they were up to
// a second ago.
func (p *Profile) Of(flight, block string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	who := owner{flight, block}
	if age := time.Since(p.at); age > time.Second || p.found[who] == nil && age >= 10*p.cost {
		p.take()
	}
	return strings.Join(p.found[who], "\n\n")
}

func (p *Profile) take() {
	began := time.Now()
	var text bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1) // to memory
	p.found = make(map[owner][]string)
	_, records, _ := strings.Cut(text.String(), "\n") // a headline
	for record := range strings.SplitSeq(records, "\n\n") {
		_, labels, labelled := strings.Cut(record, "\n# labels: ")
		labels, _, _ = strings.Cut(labels, "\n")
		if who := (owner{value(labels, flightLabel), value(labels, blockLabel)}); labelled && !strings.Contains(record, "pprof.writeGoroutine") {
			p.found[who] = append(p.found[who], strings.TrimSpace(record))
		}
	}
	p.at = time.Now()
	p.cost = p.at.Sub(began)
}

// value returns that of one label, of those in the form {"block":"b", "sputnik":"1"}.
func value(labels, key string) string {
	_, rest, _ := strings.Cut(labels, strconv.Quote(key)+":")
	quoted, _ := strconv.QuotedPrefix(rest)
	text, _ := strconv.Unquote(quoted)
	return text
}
