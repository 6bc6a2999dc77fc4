package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/examples/cli"
)

const (
	envProgram = "TEST_PROGRAM"
	patience   = 60 * time.Second // a test that waits longer has failed
)

// TestMain makes of the test binary, executed anew, the program under test.
func TestMain(m *testing.M) {
	if os.Getenv(envProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// Three processes of one binary: all adapters with the broker, syslog alone, HTTP alone. What is sent to each is in the stream,
// and printed by the first.
func TestOneBinaryThreeProcesses(t *testing.T) {
	commands := commands(t)
	all := start(t, nil, commands[0]...)
	broker := all.await(t, `nats=(nats://\S+)`)
	urls := []string{"ADAPTERS_NATS_URLS=" + broker}
	syslogOnly, httpOnly := start(t, urls, commands[1]...), start(t, urls, commands[2]...)
	processes := []*process{syslogOnly, httpOnly, all}
	for _, p := range processes {
		p.await(t, ready)
	}
	send(t, all.await(t, syslogAddress), "by syslog, all in one")
	post(t, all.await(t, httpURL), "by HTTP, all in one")
	send(t, syslogOnly.await(t, syslogAddress), "by syslog, alone")
	post(t, httpOnly.await(t, httpURL), "by HTTP, alone")
	want := map[string]string{
		"by syslog, all in one": "adapters.user.notice", "by syslog, alone": "adapters.user.notice",
		"by HTTP, all in one": "adapters.orders.new", "by HTTP, alone": "adapters.orders.new",
	}
	for subject, data := range stored(t, broker, len(want)) {
		text := regexp.MustCompile(`by (syslog|HTTP), (all in one|alone)`).FindString(data)
		assert.Equal(t, want[text], subject, data)
		all.await(t, `^#\d+ .*`+text)
		delete(want, text)
	}
	assert.Empty(t, want)
	for p, blocks := range map[*process][]string{
		all: {"nats.producer", "syslog", "http"}, syslogOnly: {"nats.producer", "syslog"}, httpOnly: {"nats.producer", "http"},
	} {
		assert.ElementsMatch(t, blocks, counting(t, p.await(t, adminURL)))
	}

	for _, p := range processes {
		assert.Zero(t, p.end(t))
	}
	assert.NotContains(t, syslogOnly.String(), "block=http")
	assert.NotContains(t, httpOnly.String(), "block=syslog")
}

// A process goes on with other adapters when its list is another one and SIGHUP comes.
func TestReloadWithAnotherList(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "conf.yaml")
	write := func(blocks string) { require.NoError(t, os.WriteFile(conf, []byte("blocks: ["+blocks+"]"), 0o600)) }
	write("{name: nats.embedded}, {name: nats.tail}, {name: nats.producer}, {name: syslog}")
	p := start(t, nil, "--conf", conf)
	p.await(t, ready)
	send(t, p.await(t, syslogAddress), "before")
	p.await(t, `^#1 .*before`)

	write("{name: nats.embedded}, {name: htp}")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.await(t, `did you mean .*http`)
	p.await(t, `not reloaded, the old configuration goes on`)

	write("{name: nats.embedded}, {name: nats.tail}, {name: nats.producer}, {name: http}")
	p.mark()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.await(t, `msg=reloaded`)
	p.await(t, ready)
	post(t, p.await(t, httpURL), "after")
	p.await(t, `^#2 adapters.orders.new .*after`)
	assert.Zero(t, p.end(t))
}

func TestConfigurationsAreRight(t *testing.T) {
	for _, args := range commands(t) {
		stdout, stderr, code := call(t, nil, append([]string{"validate"}, args...)...)
		assert.Equal(t, "ok\n", stdout)
		assert.Empty(t, stderr)
		assert.Equal(t, cli.ExitClean, code)
	}
}

// The lists in the README are the one that is built in, and a right one.
func TestREADME(t *testing.T) {
	lists := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	require.Len(t, lists, 2)
	builtIn, err := os.ReadFile("conf/blocks.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(builtIn), lists[0][1])

	conf := filepath.Join(t.TempDir(), "mine.yaml")
	validate := func(text string) (string, int) {
		require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
		_, stderr, code := call(t, nil, "validate", "--conf", conf)
		return strings.ReplaceAll(stderr, conf, "mine.yaml"), code
	}
	faults, code := validate(lists[1][1])
	assert.Empty(t, faults)
	assert.Equal(t, cli.ExitClean, code)
	faults, code = validate(strings.NewReplacer("http\n  - name", "htp\n  - name", "127.0.0.1:", "").Replace(lists[1][1]))
	assert.Contains(t, readme(t), "\n"+faults)
	assert.Equal(t, cli.ExitUsage, code)
}

// No two of the three processes want the same port, and the README sends to no other one.
func TestAddresses(t *testing.T) {
	taken := map[string]string{}
	for _, args := range commands(t) {
		path := strings.TrimPrefix(strings.Join(args, " "), "--conf ")
		cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: program().Defaults, Path: path})
		require.NoError(t, err)
		blocks, err := sputnik.AppBlocks(cf)
		require.NoError(t, err)
		for _, b := range blocks {
			var keys map[string]any
			if err := cf(b.Name, &keys); err != nil || keys["listen"] == nil {
				continue // it has none
			}
			address := strings.Trim(fmt.Sprint(keys["listen"]), "[]")
			assert.Empty(t, taken[address], "%s of %s in %q", address, b, path)
			taken[address] = b.Name
		}
	}
	assert.Len(t, taken, 4+2+2)
	for _, m := range regexp.MustCompile(`(?:-P |//127\.0\.0\.1:)(\d+)`).FindAllStringSubmatch(readme(t), -1) {
		assert.Contains(t, slices.Collect(maps.Keys(taken)), "127.0.0.1:"+m[1])
	}
}

func TestAllFaultsAreNamed(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "conf.yaml")
	require.NoError(t, os.WriteFile(conf, []byte(`
blocks: [{name: nats.producer}, {name: syslog}, {name: htp}]
nats: {ack_timeout: 5}
syslog: {lisen: [x], max_line: 0}
`), 0o600))
	environ := []string{"ADAPTERS_ADMIN_LISTEN=127.0.0.1:0", "ADAPTERS_NATS_PRODUCER_MAX_PENDING=0", "ADAPTERS_SYSLOG_MAX_CON=1"}
	for _, command := range []string{"validate", "run", "list"} {
		stdout, stderr, code := call(t, environ, command, "--conf", conf)
		assert.Empty(t, stdout)
		assert.Equal(t, cli.ExitUsage, code)
		assert.Contains(t, stderr, conf+`: block "blocks": key "blocks[2]": there is no block "htp", did you mean "http"?`)
		assert.Contains(t, stderr, conf+`: block "nats": key "ack_timeout": want a duration with its unit`)
		assert.Contains(t, stderr, conf+`: block "syslog": key "lisen": unknown key, did you mean "listen"?`)
		assert.Contains(t, stderr, `ADAPTERS_NATS_PRODUCER_MAX_PENDING: block "nats.producer": key "max_pending"`)
		assert.Contains(t, stderr, `variable=ADAPTERS_SYSLOG_MAX_CON known=ADAPTERS_SYSLOG_MAX_CONN`)
		assert.NotContains(t, stderr, "listening")
	}
}

func TestTheBrokersPlace(t *testing.T) {
	for list, want := range map[string]string{
		"nats.producer http":                         `block "nats": key "urls": there are none`,
		"nats.embedded nats.producer http urls":      `block "nats": key "urls": they lead to another broker`,
		"admin nats.producer nats.embedded http":     `block "blocks": key "blocks[2]": nats.embedded has to be listed before`,
		"nats.tail nats.embedded nats.producer http": `block "blocks": key "blocks[1]": nats.embedded has to be listed before`,
		"nats.embedded nats.producer http":           "",
		"nats.producer http urls":                    "",
	} {
		names, urls := strings.CutSuffix(list, " urls")
		text := "blocks: [{name: " + strings.ReplaceAll(names, " ", "}, {name: ") + "}]\n"
		if urls {
			text += "nats: {urls: [nats://127.0.0.1:4222]}\n"
		}
		conf := filepath.Join(t.TempDir(), "conf.yaml")
		require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
		_, stderr, code := call(t, nil, "validate", "--conf", conf)
		if want == "" {
			assert.Zero(t, code, stderr)
			continue
		}
		assert.Equal(t, cli.ExitUsage, code, list)
		assert.Contains(t, stderr, conf+": "+want)
	}
}

func TestList(t *testing.T) {
	want := []string{
		"admin nats.embedded nats.tail nats.producer syslog>nats.producer http>nats.producer",
		"admin nats.producer syslog>nats.producer",
		"admin nats.producer http>nats.producer",
	}
	for i, args := range commands(t) {
		stdout, _, code := call(t, nil, append([]string{"list"}, args...)...)
		assert.Equal(t, cli.ExitClean, code)
		known, runs, _ := strings.Cut(stdout, "RUNS")
		var blocks []string
		for _, m := range regexp.MustCompile(`(?m)^\d+\. (\S+) +\S+(?: +(\S+))?$`).FindAllStringSubmatch(runs, -1) {
			blocks = append(blocks, strings.TrimSuffix(m[1]+">"+m[2], ">"))
		}
		assert.Equal(t, want[i], strings.Join(blocks, " "))
		for _, name := range []string{"admin", "http", "nats.embedded", "nats.producer", "nats.tail", "syslog"} {
			assert.Regexp(t, `(?m)^`+name+` +\w`, known)
		}
	}
}

// What config prints is right as it is, and the same as what is built in.
func TestConfig(t *testing.T) {
	folder := t.TempDir()
	_, stderr, code := call(t, nil, "config", "--write", folder)
	require.Equal(t, cli.ExitClean, code, stderr)
	stdout, stderr, code := call(t, nil, "validate", "--conf", folder)
	assert.Equal(t, cli.ExitClean, code)
	assert.Equal(t, "ok\n", stdout)
	assert.Empty(t, stderr)
	mine, _, _ := call(t, nil, "list", "--conf", folder)
	builtIn, _, _ := call(t, nil, "list")
	assert.Equal(t, builtIn, mine)

	table, _, code := call(t, nil, "config", "--env")
	assert.Equal(t, cli.ExitClean, code)
	assert.Regexp(t, `(?m)^ADAPTERS_HTTP_LISTEN +text +127\.0\.0\.1:18080$`, table)
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// commands are the arguments with which the README starts processes: all adapters, syslog alone, HTTP alone.
func commands(t *testing.T) (args [][]string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^go run \./examples/adapters\b *(--conf.*)?$`).FindAllStringSubmatch(readme(t), -1) {
		args = append(args, strings.Fields(strings.ReplaceAll(m[1], "examples/adapters/", "")))
	}
	require.Equal(t, [][]string{{}, {"--conf", "only-syslog.yaml"}, {"--conf", "only-http.yaml"}}, args)
	return args
}

// call runs a command to its end, in this process.
func call(t *testing.T, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	code = program().Run(cli.Invocation{Args: args, Environ: environ, Stdout: &out, Stderr: &errs})
	return out.String(), errs.String(), code
}

const (
	ready         = `msg=ready\b`
	syslogAddress = `listening.* tcp=(\S+)`
	httpURL       = `listening.* url=(\S+/v1/messages)`
	adminURL      = `listening.* block=admin url=(\S+)`
)

func send(t *testing.T, address, text string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "<13>Nov 20 07:30:01 host app: %s\n", text)
	require.NoError(t, err)
}

func post(t *testing.T, url, text string) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Post(url+"/orders/new", "application/json", strings.NewReader(`{"text":"`+text+`"}`))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.StatusCode, string(body))
}

// counting are the blocks that are asked for their counters, each of which has to answer.
func counting(t *testing.T, admin string) (blocks []string) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Get(admin + "metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^sputnik_block_counters_up{block="(.*)"} (\d)$`).FindAllStringSubmatch(string(body), -1) {
		assert.Equal(t, "1", m[2], m[1])
		blocks = append(blocks, m[1])
	}
	return blocks
}

// stored yields subject and payload of the first messages of the stream, once they are there.
func stored(t *testing.T, url string, messages int) func(func(subject, data string) bool) {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	consumer, err := js.OrderedConsumer(ctx, "ADAPTERS", jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	return func(yield func(string, string) bool) {
		for range messages {
			msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
			require.NoError(t, err)
			if !yield(msg.Subject(), string(msg.Data())) {
				return
			}
		}
	}
}

// process is the program under test, in a process of its own.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu      sync.Mutex
	text    strings.Builder // what it has written
	seen    int             // so much of text await passes over
	changed chan struct{}   // closed, and made anew, by each Write
}

// start starts the program on free ports.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(binary, args...), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Env = slices.Concat(os.Environ(), []string{
		envProgram + "=1", "ADAPTERS_ADMIN_LISTEN=127.0.0.1:0", "ADAPTERS_SYSLOG_LISTEN=127.0.0.1:0", "ADAPTERS_HTTP_LISTEN=127.0.0.1:0",
		"ADAPTERS_NATS_EMBEDDED_LISTEN=127.0.0.1:0", "ADAPTERS_NATS_EMBEDDED_STORE=" + t.TempDir(),
		"ADAPTERS_ADMIN_COUNTERS_LIMIT=5s", // on a busy machine, too
	}, env)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Log(p)
		}
	})
	return p
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return p.text.Write(b)
}

func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// mark has await pass over what was written until now.
func (p *process) mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = p.text.Len()
}

// await waits for a line that matches, and is complete. It returns the first group, if there is one.
func (p *process) await(t *testing.T, pattern string) string {
	t.Helper()
	re, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		p.mu.Lock()
		text, changed := p.text.String()[p.seen:], p.changed
		p.mu.Unlock()
		for line := range strings.Lines(text) {
			if m := re.FindStringSubmatch(line); m != nil && strings.HasSuffix(line, "\n") {
				return m[len(m)-1]
			}
		}
		select {
		case <-changed:
		case <-p.ended:
			require.Fail(t, "it has ended", p.String())
		case <-late:
			require.Fail(t, "no line "+pattern, p.String())
		}
	}
}

// end terminates the process and returns its exit status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	return p.exit(t)
}

func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(t, "it still runs")
		return -1
	}
}
