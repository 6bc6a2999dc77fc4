package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/examples/cli"
)

// running is a toy that runs.
type running struct {
	*toy
	folder  string
	signals chan os.Signal
	code    chan int
}

func run(t *testing.T, nameText ...string) *running {
	t.Helper()
	return newToy().run(t, nameText...)
}

func (y *toy) run(t *testing.T, nameText ...string) *running {
	t.Helper()
	r := &running{toy: y, folder: files(t, nameText...), signals: make(chan os.Signal), code: make(chan int, 1)}
	inv := cli.Invocation{Args: []string{"--conf", r.folder}, Stdout: r.journal, Stderr: r.journal, Signals: r.signals}
	go func() { r.code <- r.program().Run(inv) }()
	return r
}

func (r *running) put(t *testing.T, name, text string) {
	t.Helper()
	put(t, filepath.Join(r.folder, name), text)
}

func (r *running) exit(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		require.Fail(t, "does not end", r.journal.String())
		return -1
	}
}

func TestReload(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	r.put(t, "source.yaml", "every: 2s")
	r.signals <- syscall.SIGHUP
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading true", "closed", "begins, every 2s", "runs, odd is yes")
	r.signals <- os.Interrupt
	r.journal.expect(t, "ends, every 2s, error <nil>, reloading false", "closed")
	assert.Zero(t, r.exit(t))
	assert.Regexp(t, `msg=reloaded took=\d`, r.journal.String())
	assert.Regexp(t, `msg=starting program=toy version=\S+ conf=`+r.folder+"\n", r.journal.String())
}

func TestBrokenConfigurationIsNotReloaded(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	r.put(t, "source.yaml", "every: -1s")
	r.put(t, "sink.yaml", "nothing: 1")
	reload := <-r.reload
	err := reload(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "-1s is not positive")
	text := r.journal.String()
	assert.Equal(t, 2, strings.Count(text, "fault in the configuration"), text)
	assert.Contains(t, text, "source.yaml")
	assert.Contains(t, text, "sink.yaml")
	assert.Contains(t, text, "the old configuration goes on")
	assert.Equal(t, []error{err}, r.refused)
	assert.Contains(t, text, "nobody listens")

	r.put(t, "sink.yaml", "")
	r.put(t, "source.yaml", "every: 3s")
	require.NoError(t, reload(t.Context()))
	// Whatever the files said meanwhile, the old flight was configured as it was.
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading true", "closed", "begins, every 3s", "runs, odd is yes")
	r.signals <- syscall.SIGTERM
	r.journal.expect(t, "ends, every 3s, error <nil>, reloading false", "closed")
	assert.Zero(t, r.exit(t))
}

// What passes all checks can still be refused when it is put to use, as a port that is taken.
func TestBackToTheOldConfiguration(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	r.put(t, "source.yaml", "odd: refuse")
	r.signals <- syscall.SIGHUP
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading true", "closed", "refused", "closed", "begins, every 1s", "runs, odd is yes")
	assert.Contains(t, r.journal.String(), "back to the old one")
	r.signals <- syscall.SIGTERM
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading false", "closed")
	assert.Zero(t, r.exit(t))
}

// What a flight could not finish for a reload isn't forgotten at the end.
func TestFaultOfAnEarlierFlight(t *testing.T) {
	r := run(t, "source.yaml", "odd: end badly")
	r.journal.expect(t, "begins, every 1h30m0s", "runs, odd is end badly")
	r.put(t, "source.yaml", "every: 1s")
	r.signals <- syscall.SIGHUP
	r.journal.expect(t, "ends, every 1h30m0s, error <nil>, reloading true", "closed", "begins, every 1s", "runs, odd is yes")
	r.signals <- syscall.SIGTERM
	assert.Equal(t, cli.ExitFailure, r.exit(t))
	assert.Contains(t, r.journal.String(), "toy: stopped by: ")
	assert.Contains(t, r.journal.String(), "ends badly")
}

func TestFailureEndsAll(t *testing.T) {
	r := run(t, "source.yaml", "odd: fail")
	assert.Equal(t, cli.ExitFailure, r.exit(t))
	assert.Contains(t, r.journal.String(), `block "source": Run: fails`)
}

// A person can read why, and the stack is told once by each record, and not at all in the last word.
func TestPanic(t *testing.T) {
	r := run(t, "source.yaml", "odd: panic")
	assert.Equal(t, cli.ExitFailure, r.exit(t))
	text := r.journal.String()
	assert.True(t, strings.HasSuffix(text, "\ntoy: stopped by: block \"source\": Run: panic: beyond repair\n"), text)
	assert.Regexp(t, `(?m)^\S+ level=ERROR msg="black box" why=.*\n\treport:\n\t\tblack box of `, text)
	_, end, _ := strings.Cut(text, `msg="process finished"`)
	assert.Contains(t, end, "\n\terror:\n\t\tstopped by: ")
	assert.Equal(t, 1, strings.Count(end, "[running]"), end)
	assert.NotContains(t, text, `\n`)
}

// A signal that comes while one flight ends, and another one is to follow, ends the process.
func TestSignalBetweenFlights(t *testing.T) {
	r := run(t, "source.yaml", "odd: end slowly")
	r.journal.expect(t, "begins, every 1h30m0s", "runs, odd is end slowly")
	reload := <-r.reload
	require.NoError(t, reload(t.Context()))
	r.journal.expect(t, "ends, every 1h30m0s, error <nil>, reloading true")
	for range 3 { // the last but one has been heard when the last one is taken
		r.signals <- syscall.SIGTERM
	}
	require.ErrorContains(t, reload(t.Context()), "stopping")
	close(r.gate)
	r.journal.expect(t, "closed")
	assert.Zero(t, r.exit(t))
	assert.Empty(t, r.journal.entries, "no other flight")
}

// Whoever stops the process while it ends for a reload has stopped it for good.
func TestLastFlight(t *testing.T) {
	r := run(t, "source.yaml", "odd: end slowly")
	r.journal.expect(t, "begins, every 1h30m0s", "runs, odd is end slowly")
	reload, last := <-r.reload, <-r.last
	require.NoError(t, reload(t.Context()))
	r.journal.expect(t, "ends, every 1h30m0s, error <nil>, reloading true")
	last()
	require.ErrorContains(t, reload(t.Context()), "stopping")
	close(r.gate)
	r.journal.expect(t, "closed")
	assert.Zero(t, r.exit(t))
	assert.Empty(t, r.journal.entries, "no other flight")
}

// Whoever asks while a flight begins gets a reload after that: the files may have been read before they were written.
func TestReloadWhileAFlightBegins(t *testing.T) {
	r := run(t, "source.yaml", "odd: begin slowly")
	r.journal.expect(t, "begins, every 1h30m0s")
	reload := <-r.reload
	r.put(t, "source.yaml", "every: 1s")
	require.ErrorContains(t, reload(t.Context()), "after that")
	close(r.gate)
	r.journal.expect(t, "runs, odd is begin slowly", "ends, every 1h30m0s, error <nil>, reloading true", "closed",
		"begins, every 1s", "runs, odd is yes")
	r.signals <- syscall.SIGTERM
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading false", "closed")
	assert.Zero(t, r.exit(t))
}

// Nothing has gone wrong then: that is a clean end, too.
func TestSignalWhileAFlightBegins(t *testing.T) {
	y := newToy()
	y.hold = true
	r := y.run(t)
	r.journal.expect(t, "opens")
	for range 3 { // the last but one has been heard when the last one is taken
		r.signals <- syscall.SIGTERM
	}
	close(r.gate)
	r.journal.expect(t, "closed")
	assert.Zero(t, r.exit(t))
	assert.Empty(t, r.journal.entries, "it never runs")
}

// Many at once are at least one.
func TestReloadAgainAndAgain(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	r.put(t, "source.yaml", "every: 2s")
	for range 5 {
		r.signals <- syscall.SIGHUP
	}
	r.journal.expect(t, "ends, every 1s, error <nil>, reloading true", "closed", "begins, every 2s")
	r.signals <- syscall.SIGTERM
	assert.Zero(t, r.exit(t))
}

// One file with a section for each name serves, too, also when it is read anew.
func TestOneFile(t *testing.T) {
	y := newToy()
	file := filepath.Join(t.TempDir(), "toy.yaml")
	put(t, file, "blocks: [{name: sink}, {name: source}]\nsource: {every: 1s}")
	r := &running{toy: y, signals: make(chan os.Signal), code: make(chan int, 1)}
	inv := cli.Invocation{Args: []string{"--conf", file}, Stdout: y.journal, Stderr: y.journal, Signals: r.signals}
	go func() { r.code <- y.program().Run(inv) }()
	y.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	reload := <-y.reload
	put(t, file, "source: {every: -1s}")
	require.ErrorContains(t, reload(t.Context()), file+`: block "source": key "every": -1s is not positive`)
	put(t, file, "source: {every: 2s}")
	require.NoError(t, reload(t.Context()))
	y.journal.expect(t, "ends, every 1s, error <nil>, reloading true", "closed", "begins, every 2s", "runs, odd is yes")
	r.signals <- os.Interrupt
	assert.Zero(t, r.exit(t))
}
