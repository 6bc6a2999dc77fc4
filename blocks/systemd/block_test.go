package systemd

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestBlock(t *testing.T) {
	for name, watchdog := range map[string]time.Duration{"notifying": 0, "with a watchdog": time.Second} {
		t.Run(name, func(t *testing.T) {
			sputniktest.Block(t, func() *sputnik.Block { return newManager(watchdog).block() })
		})
	}
	t.Run("without a service manager", func(t *testing.T) {
		t.Setenv("NOTIFY_SOCKET", "")
		sputniktest.Block(t, func() *sputnik.Block { return NewBlock(slog.New(slog.DiscardHandler)) })
	})
}

func TestBlankImportRegisters(t *testing.T) {
	factory, err := sputnik.Factory("systemd")
	require.NoError(t, err)
	assert.NotNil(t, factory())
}

func TestWithoutServiceManagerItSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(time.Second)
		m.env["NOTIFY_SOCKET"] = ""
		f := sputniktest.New(t).Add(Name, m.block).Launch()
		pass(time.Minute)
		require.NoError(t, f.Stop())
		assert.Empty(t, m.texts())
		assert.Contains(t, m.logged(), "level=DEBUG msg=\"no service manager to notify\"")
	})
}

func TestBlockThatIsNotTheFirstWarns(t *testing.T) {
	for _, connected := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var opts []sputnik.SputnikOption
			if connected {
				opts = append(opts, sputnik.WithConnector(sputniktest.NewServer(t), time.Second))
			}
			m, first := newManager(0), newManager(0)
			f := sputniktest.New(t, opts...).Add("first", first.block).Add(Name, m.block).Launch()
			pass(time.Second)
			require.NoError(t, f.Stop())
			assert.Contains(t, m.logged(), "level=WARN msg=\"not the first of the block list: ")
			assert.Contains(t, m.logged(), "first=first")
			assert.NotContains(t, first.logged(), "WARN")
		})
	}
}

func TestUnknownNamesEndTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := sputniktest.Conf(t, map[string]string{Name: "watchdog_ignore: [no.body]\nwatchdog_progress: [systemd, nor.he]"})
		f := sputniktest.New(t, sputnik.WithConfFactory(conf)).Add(Name, newManager(0).block).Launch()
		err := f.Wait()
		require.ErrorContains(t, err, `"watchdog_ignore": there is no block with the responsibility "no.body" in the block list`)
		require.ErrorContains(t, err, `"watchdog_progress": there is no block with the responsibility "nor.he" in the block list`)
	})
}

func TestWrongConfigurationAndEnvironmentAreReportedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(0)
		m.env = map[string]string{"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "soon", "WATCHDOG_PID": "-1"}
		conf := sputniktest.Conf(t, map[string]string{
			Name: "interval: 100ms\nwatchdog_ignore: [a, '']\nwatchdog_progress: [a, '']",
		})
		err := sputniktest.New(t, sputnik.WithConfFactory(conf)).Add(Name, m.block).Prepare()
		for _, want := range []string{
			`"interval": 100ms is not 1s to 1m`,
			`"watchdog_ignore": has an empty responsibility`,
			`"watchdog_progress": has an empty responsibility`,
			`"watchdog_progress": "a" is in watchdog_ignore, too`,
			`NOTIFY_SOCKET: "vsock:2:1234" is neither an absolute path nor an abstract socket (@name)`,
			`WATCHDOG_USEC: "soon" is not a number of microseconds`,
			`WATCHDOG_PID: "-1" is not a process id`,
		} {
			assert.ErrorContains(t, err, want)
		}
		assert.ErrorAs(t, err, new(*sputnik.ConfError))
	})
}
