package sputniktest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sputnik-go/sputnik"
)

// DefaultKitLimit is what a conformance kit grants the finish of a block, and a call of a connector.
const DefaultKitLimit = 5 * time.Second

// DefaultCycles is how often [Connector] connects and disconnects.
const DefaultCycles = 100

// Option sets a property of a conformance kit.
type Option func(k *kit)

// WithConf gives the configuration; without it there is none ([NoConf]).
func WithConf(cf sputnik.ConfFactory) Option { return func(k *kit) { k.conf = cf } }

// WithLimit sets the time within which the block must finish, or each call of the connector return; see
// [DefaultKitLimit]. Give at least twice what is normal in real time ([WithRealTime]).
func WithLimit(d time.Duration) Option { return func(k *kit) { k.limit = d } }

// WithRealTime runs the checks outside of synctest bubbles. It is needed where a real network or another process takes
// part; waiting then takes real time.
func WithRealTime() Option { return func(k *kit) { k.realTime = true } }

// Without leaves out one check, by its name, for the reason given.
func Without(check, reason string) Option {
	return func(k *kit) { k.without[check] = reason }
}

// kit is a list of checks and what they are tried on.
type kit struct {
	checks   []check
	conf     sputnik.ConfFactory
	limit    time.Duration
	realTime bool
	without  map[string]string // check: reason

	block   sputnik.BlockFactory
	samples func() []sputnik.Msg
	open    func(n int) sputnik.ServerConnection
	peers   []member

	connector func() sputnik.ServerConnector
	down, up  func()
	mute      func()
	unmute    func()
	cycles    int

	first  *[]fault           // of the first scene; nil before
	seen   map[string]string  // the fault: the check that reported it
	broken string             // the check without which the others make no sense
	around func(judge func()) // for the kit's own tests: is called in the bubble

	stuckAfter time.Duration
	stuck      func()
}

func newKit(opts []Option) *kit {
	k := &kit{
		conf: NoConf, limit: DefaultKitLimit, cycles: DefaultCycles,
		without: map[string]string{}, seen: map[string]string{},
		open:   func(n int) sputnik.ServerConnection { return &Conn{n} },
		around: func(judge func()) { judge() },

		stuckAfter: time.Minute, stuck: stuck,
	}
	for _, opt := range opts {
		opt(k)
	}
	return k
}

// check looks for one kind of mistake.
type check struct {
	name    string
	offends string    // the guarantee that a block or connector with this mistake offends
	advice  string    // what to do
	vital   bool      // if it fails, the others are skipped
	kinds   faultKind // what it judges
	only    []string  // of these kinds; nil: all signatures
	phase   string    // of the scene that the first checks share; "": it has a scene of its own
	judge   func(s *scene)
}

type faultKind uint8

const (
	failure  faultKind = 1 << iota // a callback panicked, ended its goroutine, returned an error
	lateness                       // it did not return, or too late
	leak                           // it left goroutines
	loss                           // it left messages
	anything = failure | lateness | leak | loss
)

// fault is one thing that is wrong. The same wrong thing has the same signature in every check.
type fault struct {
	kind      faultKind
	phase     string
	signature string
	text      string
}

// scene is where one check is played.
type scene struct {
	*kit
	tb     testing.TB
	phase  string
	faults []fault
	skip   string // why the check doesn't apply
}

func (s *scene) fault(kind faultKind, signature, format string, args ...any) {
	s.faults = append(s.faults, fault{kind, s.phase, signature, fmt.Sprintf(format, args...)})
}

// run makes a subtest of each check.
func (k *kit) run(t *testing.T) {
	t.Helper()
	if currentBubble() != "" {
		t.Fatal("sputniktest: the kits make bubbles of their own: call them outside of one")
	}
	known := func(name string) bool {
		return slices.ContainsFunc(k.checks, func(c check) bool { return c.name == name })
	}
	for name := range k.without {
		if !known(name) {
			t.Fatalf("sputniktest.Without: there is no check %q", name)
		}
	}
	for _, c := range k.checks {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			faults, skip := k.try(t, c)
			for _, f := range faults {
				t.Errorf("%s\n\twhat it offends: %s\n\twhat to do: %s", f.text, c.offends, c.advice)
			}
			if skip != "" && len(faults) == 0 {
				t.Skip(skip)
			}
		})
	}
}

// try plays one check. A fault that an earlier check has reported isn't reported again.
func (k *kit) try(t *testing.T, c check) (faults []fault, skip string) {
	t.Helper()
	if reason, ok := k.without[c.name]; ok {
		return nil, "left out: " + reason
	}
	if k.broken != "" {
		return nil, fmt.Sprintf("makes no sense before %q passes", k.broken)
	}
	found, skip := k.found(t, c)
	var skips []string
	if skip != "" {
		skips = append(skips, skip)
	}
	for _, f := range found {
		first, again := k.seen[f.signature]
		switch {
		case f.phase != c.phase || f.kind&c.kinds == 0 || c.only != nil && !slices.Contains(c.only, f.signature):
		case again && first != c.name:
			skips = append(skips, fmt.Sprintf("has the fault that %q names: %s", first, f.signature))
		case !again:
			k.seen[f.signature] = c.name
			faults = append(faults, f)
		}
	}
	if c.vital && len(faults) > 0 {
		k.broken = c.name
	}
	return faults, strings.Join(skips, "\n")
}

// found returns what a check has found, or, for those that share one, the first scene.
func (k *kit) found(t *testing.T, c check) (faults []fault, skip string) {
	t.Helper()
	if c.phase == "" {
		return k.play(t, c)
	}
	if k.first == nil {
		faults, _ := k.play(t, c)
		k.first = &faults
	}
	return *k.first, ""
}

// play returns what a check finds, of all kinds, or why it does not apply.
func (k *kit) play(t *testing.T, c check) (faults []fault, skip string) {
	t.Helper()
	s := &scene{kit: k}
	judge := func(t *testing.T) {
		s.tb = t
		k.around(func() { c.judge(s) })
	}
	if k.realTime {
		judge(t)
		return s.faults, s.skip
	}
	watchdog := time.AfterFunc(k.stuckAfter, k.stuck)
	defer watchdog.Stop()
	func() {
		defer func() {
			// Goroutines that stay behind make the bubble panic. They are found before, and told better.
			if p := recover(); p != nil && len(s.faults) == 0 {
				s.fault(leak, "goroutines", "the bubble can't end: %v", p)
			}
		}()
		synctest.Test(t, judge)
	}()
	return s.faults, s.skip
}

// leaks looks for goroutines that are new since w was made.
func (s *scene) leaks(w watch, after string) {
	if left := w.leaked(); left != "" {
		s.fault(leak, "goroutines", "goroutines are left after %s:\n%s", after, left)
	}
}

// stuck ends the program, as the time limit of go test would do much later: a bubble can't be ended from outside.
func stuck() {
	panic("sputniktest: the clock of a bubble stands still: a callback waits for something that is not of the bubble, " +
		"such as the network or a channel that was made outside of the factory; see WithRealTime")
}
