package systemd

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

// Name is the name under which the block is registered and configured.
const Name = "systemd"

// Conf is the configuration of the block.
type Conf struct {
	// Interval is how often the block looks at the process, and the least pause between two changes of STATUS; 1s to 1m.
	Interval time.Duration `koanf:"interval" doc:"how often the process is looked at, and the least pause between two STATUS; 1s to 1m"`
	// WatchdogIgnore lists blocks, by their responsibility, that may stall without holding back WATCHDOG=1: those that
	// by design wait in a callback for somebody else.
	WatchdogIgnore []string `koanf:"watchdog_ignore" doc:"responsibilities of blocks that may stall without holding back the watchdog"`
	// WatchdogProgress lists blocks, by their responsibility, whose mailbox has to get on: while the process is ready,
	// messages that wait and of which none is handled for half of WatchdogSec hold back WATCHDOG=1.
	WatchdogProgress []string `koanf:"watchdog_progress" doc:"responsibilities of blocks whose mailbox must get on while the process is ready"`
}

// DefaultConf is what holds where nothing is configured.
func DefaultConf() Conf { return Conf{Interval: time.Second} }

// ReadConf reads and checks the configuration; what is absent has its default.
func ReadConf(cf sputnik.ConfFactory) (Conf, error) {
	conf := DefaultConf()
	if err := cf(Name, &conf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return conf, err
	}
	return conf, conf.check()
}

func (c Conf) check() error {
	f := fault.Of(Name)
	f.Unless(c.Interval >= time.Second && c.Interval <= time.Minute, "interval", "%s is not 1s to 1m", c.Interval)
	f.Unless(!slices.Contains(c.WatchdogIgnore, ""), "watchdog_ignore", "has an empty responsibility")
	f.Unless(!slices.Contains(c.WatchdogProgress, ""), "watchdog_progress", "has an empty responsibility")
	for _, resp := range c.WatchdogProgress {
		f.Unless(resp == "" || !slices.Contains(c.WatchdogIgnore, resp), "watchdog_progress", "%q is in watchdog_ignore, too", resp)
	}
	return f.Join()
}
