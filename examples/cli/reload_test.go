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
	r := &running{toy: newToy(), folder: files(t, nameText...), signals: make(chan os.Signal, 10), code: make(chan int, 1)}
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

// Signals that come while one flight ends and the next begins are heard.
func TestSignalBetweenFlights(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	reload := <-r.reload
	require.NoError(t, reload(t.Context()))
	r.signals <- syscall.SIGTERM
	assert.Zero(t, r.exit(t))
	require.Error(t, reload(t.Context()))
}

// Whoever asks while a reload is in progress gets another one: the files may have been read before they were written.
func TestReloadDuringReload(t *testing.T) {
	r := run(t, "source.yaml", "every: 1s")
	r.journal.expect(t, "begins, every 1s", "runs, odd is yes")
	r.put(t, "source.yaml", "every: 2s")
	for range 5 {
		r.signals <- syscall.SIGHUP
	}
	for seen := 0; seen < 2; { // one at least for the first, one for those that came meanwhile
		select {
		case entry := <-r.journal.entries:
			if strings.HasPrefix(entry, "begins, every 2s") {
				seen++
			}
		case <-time.After(patience):
			require.Fail(t, "no second reload", r.journal.String())
		}
	}
	r.signals <- syscall.SIGTERM
	r.exit(t)
}
