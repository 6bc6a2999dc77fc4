package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/examples/cli"
)

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-x"}, {"x"}, {"-conf"}, {"-tail=maybe"}, {"--tial"}, {"vaildate"}} {
		p := execute(t, environ(), args...)
		assert.Equal(t, cli.ExitUsage, p.exit(t), args)
		assert.Contains(t, p.stderr.String(), "usage:")
	}
	p := execute(t, environ(), "-h")
	assert.Zero(t, p.exit(t))
	assert.Contains(t, p.stdout.String(), "Usage: syslog2nats")
}

func TestConfigurationFaults(t *testing.T) {
	cases := map[string]struct {
		file, text, env string
		want            []string
	}{
		"unknown key":   {"syslog.yaml", "max_con: 1", "", []string{"syslog.yaml", `block "syslog"`, `key "max_con"`}},
		"wrong type":    {"nats.yaml", "duplicates: 5", "", []string{"nats.yaml", `block "nats"`, `key "duplicates"`}},
		"wrong value":   {"nats.producer.yaml", "max_pending: 0", "", []string{"nats.producer.yaml", `block "nats.producer"`, `key "max_pending"`}},
		"not YAML":      {"nats.yaml", "{", "", []string{"nats.yaml"}},
		"by variable":   {"", "", "S2N_SYSLOG_MAX_LINE=-1", []string{"S2N_SYSLOG_MAX_LINE", `block "syslog"`, `key "max_line"`}},
		"unknown block": {"blocks.yaml", "blocks: [{name: nats.producer}, {name: x}]", "", []string{"blocks.yaml", `there is no block "x"`}},
		"no receiver":   {"", "", "S2N_SYSLOG_TO=nobody", []string{"S2N_SYSLOG_TO", `block "syslog"`, `key "to"`, `"nobody"`}},
		"own receiver":  {"", "", "S2N_SYSLOG_TO=syslog", []string{"S2N_SYSLOG_TO", `key "to"`, `"syslog" takes no messages`}},
		"the finisher":  {"syslog.yaml", "to: finisher", "", []string{"syslog.yaml", `key "to"`, `"finisher"`}},
		"order": {"blocks.yaml", "blocks: [{name: syslog}, {name: nats.producer}]", "", []string{
			`block "syslog"`, `key "to"`, `"nats.producer" has to be listed before "syslog"`,
		}},
		"key that moved": {"nats.yaml", "store: x", "", []string{"nats.yaml", `block "nats"`, `key "store"`}},
		"unknown file":   {"sylog.yaml", "max_line: 1", "", []string{"sylog.yaml", "nothing that runs"}},
		"capital format": {"syslog.YAML", "max_line: 1", "", []string{"syslog.YAML", "name it syslog.yaml"}},
		"no block":       {"blocks.yaml", "blocks: []", "", []string{"blocks"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if c.file != "" {
				require.NoError(t, os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600))
			}
			p := execute(t, environ(c.env), "-conf", folder)
			assert.Equal(t, cli.ExitUsage, p.exit(t))
			for _, want := range c.want {
				assert.Contains(t, p.stderr.String(), want)
			}
			assert.NotContains(t, p.stderr.String(), "listening")
			assert.NotContains(t, p.stderr.String(), "started")
		})
	}
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "syslog.yaml"), 0o700)) // what docker -v makes of a missing file
	p := execute(t, environ(), "-conf", folder)
	assert.Equal(t, cli.ExitUsage, p.exit(t))
	assert.Contains(t, p.stderr.String(), "syslog.yaml: is a folder")
	p = execute(t, environ(), "-conf", filepath.Join(t.TempDir(), "none"))
	assert.Equal(t, cli.ExitUsage, p.exit(t))
}

// What config prints, or writes, is a configuration.
func TestSample(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "conf")
	p := start(t, environ(), "config", "--write", folder)
	assert.Zero(t, p.exit(t), p.stderr.String())
	p = start(t, environ(), "config")
	assert.Zero(t, p.exit(t))
	file := filepath.Join(t.TempDir(), "all.yaml")
	require.NoError(t, os.WriteFile(file, []byte(p.stdout.String()), 0o600))
	for _, path := range []string{folder, file} {
		p = start(t, environ(), "validate", "--conf", path)
		assert.Zero(t, p.exit(t), p.stderr.String())
		assert.Equal(t, "ok", p.stdout.String())
	}
}

func TestConfFolderGoesBeforeBuiltInAndEnvironmentBeforeBoth(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "nats.embedded.yaml"), []byte("store: by-folder\nlisten: 127.0.0.1:0"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "nats.yaml"), []byte("stream: FOLDER"), 0o600))
	p := execute(t, environ("S2N_NATS_STREAM=ENVIRONMENT"), "-conf", folder)
	p.stderr.await(t, 0, `msg=started .*by-folder`)
	p.stderr.await(t, 0, `stream=ENVIRONMENT`)
	p.stderr.await(t, 0, "msg=ready")
	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))
}

func TestSIGTERM(t *testing.T) {
	p := execute(t, environ(), "-tail")
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 1000)))
	accepted(t, c)
	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))
	p.stdout.await(t, 0, `^#1000 .* line 999$`)
	assertFinishOrder(t, p)
}

func TestSecondInterruptEndsTheWaiting(t *testing.T) {
	server := brokertest.Reserve(t)
	p := execute(t, environ("S2N_NATS_URLS="+server.URL))
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 7)))
	accepted(t, c)
	p.kill(syscall.SIGINT)
	p.stderr.await(t, 0, `msg=flushing .*not_acknowledged=7`)
	again := time.NewTicker(300 * time.Millisecond) // what comes within 250 ms counts as the same
	defer again.Stop()
	for len(p.code) == 0 {
		select {
		case <-again.C:
			p.kill(syscall.SIGINT)
		case code := <-p.code:
			p.code <- code
		}
	}
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	assert.Contains(t, p.stderr.String(), "forced")
	assert.Contains(t, p.stderr.String(), `block "nats.producer": Run: 7 messages not acknowledged before the time was up`)
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	p := execute(t, []string{"S2N_SYSLOG_LISTEN=" + taken.Addr().String()})
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	assert.Contains(t, p.stderr.String(), "address already in use")
	assert.Contains(t, p.stderr.String(), taken.Addr().String())
	assert.NotContains(t, p.stderr.String(), "process running")
}

func TestStoreCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	p := execute(t, environ("S2N_NATS_EMBEDDED_STORE="+file))
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	assert.Contains(t, p.stderr.String(), file)
	assert.NotContains(t, p.stderr.String(), "listening")

	store := "S2N_NATS_EMBEDDED_STORE=" + t.TempDir()
	first := execute(t, environ(store))
	first.stderr.await(t, 0, "msg=ready")
	second := execute(t, environ(store))
	assert.Equal(t, cli.ExitFailure, second.exit(t))
	assert.Contains(t, second.stderr.String(), "in use by another process")
	first.kill(syscall.SIGTERM)
	assert.Zero(t, first.exit(t))
}

func TestTwoReceivers(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"blocks.yaml": "blocks: [{name: nats.producer}, {name: syslog}, {name: syslog, responsibility: second}]",
		"second.yaml": "max_line: 10",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	p := execute(t, environ(), "-conf", folder, "-tail")
	_, next := p.stderr.await(t, 0, "msg=listening .*tcp=")
	second, _ := p.stderr.await(t, next, `msg=listening .*tcp=(\S+)`)
	c, err := net.Dial("tcp", second[1])
	require.NoError(t, err)
	defer c.Close()
	send(t, p.dial(t, "tcp"), "0123456789abc\n")
	p.stdout.await(t, 0, "unparsed: 0123456789abc$")
	send(t, c, "0123456789abc\n")
	p.stdout.await(t, 0, `unparsed: 0123456789 \[truncated\]$`)
	p.kill(syscall.SIGTERM)
	assert.Zero(t, p.exit(t))

	require.NoError(t, os.WriteFile(filepath.Join(folder, "second.yaml"), []byte("max_line: 0"), 0o600))
	p = execute(t, environ(), "-conf", folder)
	assert.Equal(t, cli.ExitUsage, p.exit(t))
	assert.NotContains(t, p.stderr.String(), "started")
}

// A reader that goes away, as in "syslog2nats -tail | head -1", ends the process, but in order.
func TestStdoutClosed(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	p := executeTo(t, write, environ(), "-tail")
	require.NoError(t, write.Close())
	require.NoError(t, read.Close())
	c := p.dial(t, "tcp")
	send(t, c, lines(numbered(0, 10)))
	assert.Equal(t, cli.ExitFailure, p.exit(t))
	assert.Contains(t, p.stderr.String(), "broken pipe")
	assertFinishOrder(t, p)
}

// What isn't listed finds its place: behind what tells of it, in front of what needs it.
func TestArrange(t *testing.T) {
	folder := t.TempDir()
	list := func(args ...string) string {
		p := start(t, environ(), append([]string{"list", "--conf", folder}, args...)...)
		require.Zero(t, p.exit(t))
		var names []string
		for _, m := range regexp.MustCompile(`(?m)^\d+\. (\S+)`).FindAllStringSubmatch(p.stdout.String(), -1) {
			names = append(names, m[1])
		}
		return strings.Join(names, " ")
	}
	t.Setenv("NOTIFY_SOCKET", "")
	assert.Equal(t, "nats.embedded nats.producer syslog", list())
	assert.Equal(t, "admin nats.embedded nats.tail nats.producer syslog", list("--admin", "--tail"))
	t.Setenv("NOTIFY_SOCKET", "@x")
	assert.Equal(t, "systemd nats.embedded nats.producer syslog", list())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "blocks.yaml"), []byte("blocks: [{name: systemd}, {name: admin}, {name: nats.producer}, {name: syslog}]"), 0o600))
	assert.Equal(t, "systemd admin nats.embedded nats.tail nats.producer syslog", list("--admin", "--tail"))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "nats.yaml"), []byte("urls: [nats://h]"), 0o600))
	assert.Equal(t, "systemd admin nats.producer syslog", list())
}
