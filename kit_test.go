package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal collects what happens, in order, from any goroutine.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

// with returns the lines that begin with one of the prefixes.
func (j *journal) with(prefixes ...string) []string {
	var out []string
	for _, l := range j.all() {
		for _, p := range prefixes {
			if strings.HasPrefix(l, p) {
				out = append(out, l)
				break
			}
		}
	}
	return out
}

// crew is a list of blocks: the factory of each is registered under its responsibility.
type crew []member

type member struct {
	resp string
	make sputnik.BlockFactory
}

func (c crew) options() []sputnik.SputnikOption {
	var list []sputnik.BlockDescriptor
	factories := sputnik.BlockFactories{}
	for _, m := range c {
		list = append(list, sputnik.BlockDescriptor{Name: m.resp, Responsibility: m.resp})
		factories[m.resp] = m.make
	}
	return []sputnik.SputnikOption{
		sputnik.WithConfFactory(noConf), sputnik.WithAppBlocks(list), sputnik.WithBlockFactories(factories),
	}
}

func noConf(name string, _ any) error { return fmt.Errorf("%s: %w", name, fs.ErrNotExist) }

func noInit(sputnik.ConfFactory) error { return nil }

func untilDone(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	return nil
}

// idle is a member that does nothing but what opts say; Run waits for the end.
func idle(resp string, opts ...sputnik.BlockOption) member {
	return member{resp, func() *sputnik.Block {
		base := []sputnik.BlockOption{sputnik.WithInit(noInit), sputnik.WithRunContext(untilDone)}
		return sputnik.NewBlock(append(base, opts...)...)
	}}
}

// logging is a member that notes its Init, Run and Finish.
func logging(j *journal, resp string, opts ...sputnik.BlockOption) member {
	return member{resp, func() *sputnik.Block {
		stop := make(chan struct{})
		base := []sputnik.BlockOption{
			sputnik.WithInit(func(sputnik.ConfFactory) error { j.add("init %s", resp); return nil }),
			sputnik.WithRun(func(sputnik.BlockCommunicator) {
				j.add("run %s", resp)
				<-stop
				j.add("ran %s", resp)
			}),
			sputnik.WithFinish(func(init bool) {
				j.add("finish %s %v", resp, init)
				close(stop)
			}),
		}
		return sputnik.NewBlock(append(base, opts...)...)
	}}
}

// flight is a prepared process in a bubble, with signals at hand and all events kept.
type flight struct {
	t         testing.TB
	sp        *sputnik.Sputnik
	launch    sputnik.Launch
	shootDown sputnik.ShootDown
	signals   chan os.Signal
	result    chan error

	mu     sync.Mutex
	events []sputnik.Event
}

func newFlight(t testing.TB, c crew, opts ...sputnik.SputnikOption) (*flight, error) {
	f := &flight{t: t, signals: make(chan os.Signal, 8), result: make(chan error, 1)}
	all := append(c.options(), sputnik.WithSignals(f.signals), sputnik.WithObserver(f.observe))
	sp, err := sputnik.NewSputnik(append(all, opts...)...)
	if err != nil {
		return f, err
	}
	f.sp = sp
	f.launch, f.shootDown, err = sp.Prepare()
	return f, err
}

// takeOff prepares and launches; the result of launch is to be fetched by landed.
func takeOff(t testing.TB, c crew, opts ...sputnik.SputnikOption) *flight {
	t.Helper()
	f, err := newFlight(t, c, opts...)
	require.NoError(t, err)
	f.start()
	return f
}

func (f *flight) start() {
	go func() { f.result <- f.launch() }()
	synctest.Wait()
}

func (f *flight) landed() error { return <-f.result }

// land stops the flight and returns the result of launch.
func (f *flight) land() error {
	f.shootDown()
	return f.landed()
}

func (f *flight) observe(e sputnik.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

func eventsOf[E sputnik.Event](f *flight) []E {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []E
	for _, e := range f.events {
		if x, ok := e.(E); ok {
			out = append(out, x)
		}
	}
	return out
}

func (f *flight) block(resp string) sputnik.BlockStatus {
	for _, b := range f.sp.Status().Blocks {
		if b.Block.Responsibility == resp {
			return b
		}
	}
	f.t.Fatalf("no block %q", resp)
	return sputnik.BlockStatus{}
}

// plugIn is a scripted server connector. Nil functions mean success.
type plugIn struct {
	j          *journal
	connect    func(n int) error
	alive      func() bool
	disconnect func()

	mu sync.Mutex
	n  int
}

func (p *plugIn) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	p.j.add("connect %d", n)
	if p.connect != nil {
		if err := p.connect(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (p *plugIn) IsConnected() bool { return p.alive == nil || p.alive() }

func (p *plugIn) Disconnect() {
	p.j.add("disconnect")
	if p.disconnect != nil {
		p.disconnect()
	}
}

// pushing is a plugIn that tells by itself that its connection broke.
type pushing struct {
	*plugIn
	broken chan error
}

func (p pushing) Broken() <-chan error { return p.broken }

// goid tells goroutines apart.
func goid() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

var errBoom = errors.New("boom")

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// during makes one subtest, each in a bubble, of every case.
func during[C any](t *testing.T, cases map[string]C, f func(t *testing.T, c C)) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { f(t, c) }) })
	}
}

// chance draws numbers below n from a seed, for any goroutine.
func chance(seed uint64) func(n int) int {
	var mu sync.Mutex
	src := rand.New(rand.NewPCG(seed, 0))
	return func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return src.IntN(n)
	}
}

// never is longer than any limit; much longer, and the bubble's clock overflows.
const never = 1000 * time.Hour

// noSignals is a source of signals that never sends, so that a test has no part in the process's own.
func noSignals() chan os.Signal { return make(chan os.Signal) }
