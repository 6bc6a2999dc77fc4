package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/admin"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/syslog"
	"github.com/sputnik-go/sputnik/blocks/systemd"
)

const envPrefix = "S2N" // as in examples/syslog2nats

// configuration is what a process is given.
type configuration struct {
	blocks   []sputnik.BlockDescriptor
	nats     nats.Conf
	producer nats.ProducerConf
	broker   embedded.Conf
	syslog   syslog.Conf
	admin    admin.Conf
	systemd  systemd.Conf
}

// readConfiguration reads a folder as the program does, and checks it as each block does.
func readConfiguration(t *testing.T, folder string, environ []string) configuration {
	t.Helper()
	builtIn := os.DirFS(filepath.Join("..", "examples", "syslog2nats", "conf"))
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: builtIn, Path: folder, Environ: environ, EnvPrefix: envPrefix})
	require.NoError(t, err)
	var c configuration
	c.blocks, err = sputnik.AppBlocks(cf)
	require.NoError(t, err)
	read := map[string]func() error{
		nats.ConfName:     func() (err error) { c.nats, err = nats.ReadConf(cf); return err },
		nats.ProducerName: func() (err error) { c.producer, err = nats.ReadProducerConf(cf); return err },
		embedded.Name:     func() (err error) { c.broker, err = embedded.ReadConf(cf); return err },
		syslog.Name:       func() (err error) { c.syslog, err = syslog.ReadConf(cf); return err },
		admin.Name:        func() (err error) { c.admin, err = admin.ReadConf(cf); return err },
		systemd.Name:      func() (err error) { c.systemd, err = systemd.ReadConf(cf); return err },
	}
	for name, f := range read {
		assert.NoError(t, f(), name)
	}
	for _, b := range c.blocks {
		assert.Contains(t, read, b.Name, "a block that nobody knows")
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), filepath.Ext(f.Name()))
		assert.True(t, name == "blocks" || read[name] != nil, "%s: a file that nobody reads", f.Name())
	}
	return c
}

// checkOrder checks the block list: sinks first, systemd before all.
func (c configuration) checkOrder(t *testing.T) {
	t.Helper()
	place := func(name string) int {
		return slices.IndexFunc(c.blocks, func(b sputnik.BlockDescriptor) bool { return b.Responsibility == name })
	}
	assert.GreaterOrEqual(t, place(c.syslog.To), 0, "the receiver of the records isn't in the list")
	assert.Less(t, place(c.syslog.To), place(syslog.Name), "sinks first")
	assert.LessOrEqual(t, place(systemd.Name), 0, "the systemd block has to be the first")
	assert.Equal(t, c.nats.Embedded(), place(embedded.Name) >= 0, "the broker is in the list where there are no urls")
	assert.Less(t, place(embedded.Name), place(nats.ProducerName), "the broker outlives those that store into it")
	assert.GreaterOrEqual(t, place(admin.Name), 0, "no admin block to be probed")
	for _, name := range append(slices.Clone(c.systemd.WatchdogIgnore), c.systemd.WatchdogProgress...) {
		assert.GreaterOrEqual(t, place(name), 0, "%q is in systemd.yaml, and not in the list", name)
	}
}

// checkMemory leaves half of the limit, in bytes, to other things than the ids that a broker in the process remembers.
func (c configuration) checkMemory(t *testing.T, limit int) {
	t.Helper()
	const rate, id = 50_000, 150 // lines a second, bytes
	if c.nats.Embedded() {
		assert.Less(t, int(c.nats.Duplicates.Seconds())*rate*id, limit/2, "the ids of the duplicates window")
	}
}

// folderWith writes files to a new folder.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
