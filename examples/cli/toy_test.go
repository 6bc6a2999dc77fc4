package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/examples/cli"
)

// sourceConf has a field of each kind.
type sourceConf struct {
	Every  time.Duration `koanf:"every" doc:"how long it pauses"`
	To     string        `koanf:"to" doc:"responsibility of the receiver"`
	Odd    string        `koanf:"odd"`
	Many   []string      `koanf:"many"`
	Loud   bool          `koanf:"loud"`
	Nested struct {
		Deep int `koanf:"deep" doc:"how deep"`
	} `koanf:"nested" doc:"a section"`
	Hidden string `koanf:"-"`
}

type sinkConf struct {
	At time.Time `koanf:"at" doc:"a wall"`
}

type linksConf struct {
	Peer  string   `koanf:"peer"`
	Many  []string `koanf:"many"`
	Peers []peer   `koanf:"peers" doc:"more of them"`
	Known []peer   `koanf:"known"`
}

type peer struct {
	Name string `koanf:"name" doc:"of the peer"`
}

func defaultSource() sourceConf {
	c := sourceConf{Every: time.Minute, To: "sink", Odd: "yes", Many: []string{"a", "1"}, Hidden: "hidden"}
	c.Nested.Deep = 7
	return c
}

func readSource(cf sputnik.ConfFactory) (sourceConf, error) {
	c := defaultSource()
	if err := cf("source", &c); err != nil {
		return c, err
	}
	if c.Every <= 0 {
		return c, &sputnik.ConfError{Name: "source", Key: "every", Err: fmt.Errorf("%s is not positive", c.Every)}
	}
	return c, nil
}

func readSink(cf sputnik.ConfFactory) (sinkConf, error) {
	c := sinkConf{At: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err := cf("sink", &c); err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	return c, nil
}

func readLinks(cf sputnik.ConfFactory) (linksConf, error) {
	var c linksConf
	if err := cf("links", &c); err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	if c.Peer != "" {
		return c, &sputnik.ConfError{Name: "links", Key: "peer", Err: fmt.Errorf("no such peer %q", c.Peer)}
	}
	for i, name := range c.Many {
		return c, &sputnik.ConfError{Name: "links", Key: fmt.Sprintf("many[%d]", i), Err: fmt.Errorf("no such peer %q", name)}
	}
	return c, nil
}

// toy is a program of two blocks, a third one that takes nothing, and one that is registered only. What happens to the
// source is told on the journal.
type toy struct {
	journal *journal
	reload  chan func(context.Context) error // of each flight
	last    chan func()                      // of each flight
	gate    chan struct{}                    // a slow Init, or a slow end, waits for it; also Open, with hold
	hold    bool
	refused []error // that the manager was told of
	first   struct {
		First bool `help:"Put quiet in front."`
	}
}

func newToy() *toy {
	return &toy{journal: newJournal(), reload: make(chan func(context.Context) error, 10), last: make(chan func(), 10), gate: make(chan struct{})}
}

func init() {
	sputnik.RegisterBlockFactory("extra", func() *sputnik.Block {
		return sputnik.NewBlock(sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }), sputnik.WithRunContext(wait))
	})
}

func wait(ctx context.Context, _ sputnik.BlockCommunicator) error {
	<-ctx.Done()
	return nil
}

func (y *toy) program() cli.Program {
	idle := func(cli.Flight) *sputnik.Block {
		return sputnik.NewBlock(sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }), sputnik.WithRunContext(wait))
	}
	return cli.Program{
		Name:      "toy",
		About:     "plays",
		EnvPrefix: "TOY",
		Defaults: fstest.MapFS{
			"blocks.yaml": {Data: []byte("blocks: [{name: sink}, {name: source}]")},
			"source.yaml": {Data: []byte("every: 90m")},
			"links.yaml":  {Data: []byte("known: [{name: one}]")},
		},
		Flags: &y.first,
		Arrange: func(_ sputnik.ConfFactory, blocks []sputnik.BlockDescriptor) []sputnik.BlockDescriptor {
			if y.first.First {
				return append([]sputnik.BlockDescriptor{{Name: "quiet", Responsibility: "quiet"}}, blocks...)
			}
			return blocks
		},
		Sections: []cli.Section{{Name: "links", About: "the peers", Default: linksConf{}, Check: cli.Reads(readLinks)}},
		Blocks: []cli.Block{
			{Section: cli.Section{Name: "sink", About: "takes numbers", Default: sinkConf{At: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}, Check: cli.Reads(readSink)}, New: idle, Takes: true},
			{Section: cli.Section{Name: "quiet", About: "does nothing"}, New: idle},
			{Section: cli.Section{Name: "source", About: "makes numbers", Default: defaultSource(), Check: cli.Reads(readSource)}, New: y.source, To: "to"},
		},
		Refused: func(why error) error {
			y.refused = append(y.refused, why)
			return errors.New("nobody listens")
		},
		Open: func(f cli.Flight) ([]sputnik.SputnikOption, io.Closer, error) {
			y.reload <- f.Reload
			y.last <- f.Last
			if y.hold {
				y.journal.add("opens")
				<-y.gate
			}
			return nil, closer(func() error { y.journal.add("closed"); return nil }), nil
		},
	}
}

type closer func() error

func (c closer) Close() error { return c() }

// source tells on the journal with which configuration it begins, and why it ends.
func (y *toy) source(f cli.Flight) *sputnik.Block {
	return sputnik.NewBlock(
		sputnik.WithInit(func(cf sputnik.ConfFactory) error {
			c, err := readSource(cf)
			switch {
			case err != nil:
				return err
			case c.Odd == "refuse":
				y.journal.add("refused")
				return errors.New("refused by Init")
			}
			y.journal.add("begins, every " + c.Every.String())
			if c.Odd == "begin slowly" {
				<-y.gate
			}
			return nil
		}),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			c, err := readSource(f.Conf)
			if err != nil {
				return err
			}
			y.journal.add("runs, odd is " + c.Odd)
			switch c.Odd {
			case "fail":
				return errors.New("fails")
			case "panic":
				panic("beyond repair")
			}
			<-ctx.Done()
			again, err := readSource(f.Conf) // as it was, whatever the files say now
			reloading := false
			if r, ok := errors.AsType[interface {
				error
				Reloading() bool
			}](context.Cause(ctx)); ok {
				reloading = r.Reloading()
			}
			y.journal.add(fmt.Sprintf("ends, every %s, error %v, reloading %v", again.Every, err, reloading))
			switch c.Odd {
			case "end badly":
				return errors.New("ends badly")
			case "end slowly":
				<-y.gate
			}
			return nil
		}),
	)
}

// journal is a list of what happened. Tests wait for its entries, in order.
type journal struct {
	entries chan string
	text    strings.Builder
	mu      sync.Mutex
}

func newJournal() *journal { return &journal{entries: make(chan string, 1000)} }

func (j *journal) add(entry string) { j.entries <- entry }

// Write takes each line of a log as an entry.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(p)
	return len(p), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

const patience = 30 * time.Second

// expect takes the next entries.
func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	late := time.After(patience)
	for _, w := range want {
		select {
		case got := <-j.entries:
			require.Equal(t, w, got, j.String())
		case <-late:
			require.Fail(t, "not there: "+w, j.String())
		}
	}
}

// call runs the program to its end.
func call(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, log strings.Builder
	code = newToy().program().Run(cli.Invocation{Args: args, Environ: env, Stdout: &out, Stderr: &log, Signals: make(chan os.Signal)})
	return out.String(), log.String(), code
}

// files makes a folder of the given names and texts.
func files(t *testing.T, nameText ...string) string {
	t.Helper()
	folder := t.TempDir()
	for i := 0; i < len(nameText); i += 2 {
		put(t, filepath.Join(folder, nameText[i]), nameText[i+1])
	}
	return folder
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
