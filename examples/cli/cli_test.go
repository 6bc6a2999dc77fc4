package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik/examples/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestArguments(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"unknown command":      {[]string{"valdate"}, `did you mean "validate"?`},
		"far from any command": {[]string{"xxxxxxxxx"}, "unexpected argument xxxxxxxxx\n"},
		"command as flag":      {[]string{"--version"}, `did you mean "version"?`},
		"flag as command":      {[]string{"help"}, `did you mean "--help"?`},
		"unknown flag":         {[]string{"--cnof=x"}, `did you mean "--conf"?`},
		"unknown short flag":   {[]string{"-x"}, `unknown flag -x`},
		"after a command":      {[]string{"validate", "--lod-level=info"}, `did you mean "--log-level"?`},
		"no value":             {[]string{"--conf"}, `--conf needs a value`},
		"wrong value":          {[]string{"--log-level=loud"}, `--log-level must be one of`},
		"argument too many":    {[]string{"list", "x"}, `unexpected argument x`},
		"unknown section":      {[]string{"config", "sourc"}, `"sourc": nothing is configured under this name; there are blocks, links, sink, source`},
		"no such path":         {[]string{"validate", "--conf", "none"}, `none`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := call(t, nil, c.args...)
			assert.Equal(t, cli.ExitUsage, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.want)
			assert.Contains(t, stderr, "toy: ")
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"-help"}, {"run", "--help"}, {"validate", "-h"}, {"config", "--help"}, {"list", "--help"}, {"top", "--help"}, {"version", "--help"}} {
		stdout, stderr, code := call(t, nil, args...)
		assert.Zero(t, code, args)
		assert.Empty(t, stderr, args)
		assert.Contains(t, stdout, "Usage: toy", args)
		assert.Contains(t, stdout, "--first", args)
	}
}

func TestOneDashIsEnough(t *testing.T) {
	folder := files(t, "source.yaml", "every: -1s")
	for _, args := range [][]string{{"validate", "-conf", folder}, {"-conf=" + folder, "validate"}, {"--conf", folder}, {"-conf", folder}} {
		_, stderr, code := call(t, nil, args...)
		assert.Equal(t, cli.ExitUsage, code)
		assert.Contains(t, stderr, `"every"`)
	}
}

func TestValidateTellsAllFaultsAtOnce(t *testing.T) {
	stdout, _, code := call(t, nil, "validate")
	assert.Zero(t, code)
	assert.Equal(t, "ok\n", stdout)

	folder := files(t,
		"blocks.yaml", "blocks: [{name: sink}, {name: sorce}, {name: source}, {name: source, responsibility: sink}]",
		"source.yaml", "every: -1s",
		"sink.yaml", "nothing: 1",
		"links.yaml", "peer: nobody",
		"surce.yaml", "every: 1s",
	)
	stdout, stderr, code := call(t, []string{"TOY_SOURCE_TO=nobody", "TOY_SOURCE_EVRY=1s"}, "validate", "--conf", folder)
	assert.Equal(t, cli.ExitUsage, code)
	assert.Empty(t, stdout)
	for _, want := range []string{
		`blocks.yaml: block "blocks": key "blocks[1]": there is no block "sorce", did you mean "source"?`,
		`blocks.yaml: block "blocks": key "blocks[3]": responsibility "sink" is taken`,
		`source.yaml: block "source": key "every": -1s is not positive`,
		`sink.yaml: block "sink": key "nothing"`,
		`links.yaml: block "links": key "peer": no such peer "nobody"`,
		`surce.yaml: nothing that runs is configured under the name "surce", did you mean "source"?`,
		`variable=TOY_SOURCE_EVRY known=TOY_SOURCE_EVERY`,
	} {
		assert.Contains(t, stderr, want)
	}
	_, stderr, code = call(t, []string{"TOY_SOURCE_TO=nobody"}, "validate")
	assert.Equal(t, cli.ExitUsage, code)
	assert.Contains(t, stderr, `TOY_SOURCE_TO: block "source": key "to": no block is responsible for "nobody"`)
}

// Each fault is told with the file, or the variable, that has the last say.
func TestWhereAFaultIs(t *testing.T) {
	two := "blocks: [{name: sink}, {name: source}, {name: source, responsibility: second}]"
	cases := map[string]struct {
		env   []string
		files []string
		want  []string // all that is told
	}{
		"a name that begins with another": {nil, []string{"links.more.yaml", "", "links.yaml", "peer: nobody"}, []string{
			`links.more.yaml: nothing that runs is configured under the name "links.more"`,
			`links.yaml: block "links": key "peer": no such peer "nobody"`,
		}},
		"shared by two": {nil, []string{"blocks.yaml", two, "source.yaml", "every: -1s"}, []string{
			`source.yaml: block "source": key "every": -1s is not positive`,
		}},
		"a responsibility's": {nil, []string{"blocks.yaml", two, "source.yaml", "odd: yes, it is", "second.yaml", "every: -1s"}, []string{
			`second.yaml: block "source": key "every": -1s is not positive`,
		}},
		"a responsibility's, but another key": {[]string{"TOY_SOURCE_EVERY=-1s"}, []string{"blocks.yaml", two, "second.yaml", "every: 1s"}, []string{
			`TOY_SOURCE_EVERY: block "source": key "every": -1s is not positive`,
		}},
		"a responsibility's variable": {[]string{"TOY_SECOND_EVERY=-1s"}, []string{"blocks.yaml", two, "second.yaml", "every: 1s"}, []string{
			`TOY_SECOND_EVERY: block "source": key "every": -1s is not positive`,
		}},
		"an empty variable":    {[]string{"TOY_SOURCE_TO="}, []string{"source.yaml", "to: nobody"}, []string{`source.yaml: block "source": key "to": no block is responsible for "nobody"`}},
		"an item of a list":    {[]string{"TOY_LINKS_MANY=nobody"}, []string{"links.yaml", "many: []"}, []string{`TOY_LINKS_MANY: block "links": key "many[0]": no such peer "nobody"`}},
		"the default":          {nil, []string{"blocks.yaml", "blocks: [{name: sink, responsibility: x}, {name: source}]"}, []string{`built-in: block "source": key "to": no block is responsible for "sink"`}},
		"no blocks, and more":  {nil, []string{"blocks.yaml", "blocks: []", "source.yaml", "every: -1s", "links.yaml", "peer: nobody"}, []string{`blocks.yaml: block "blocks": key "blocks": lists no block`, `source.yaml: `, `links.yaml: `}},
		"capitals in the name": {nil, []string{"source.YAML", ""}, []string{`source.YAML: is not read: name it source.yaml`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := call(t, c.env, "validate", "--conf", files(t, c.files...))
			assert.Equal(t, cli.ExitUsage, code)
			for _, want := range c.want {
				assert.Contains(t, stderr, want)
			}
			assert.Len(t, c.want, strings.Count(stderr, "\n"), stderr)
		})
	}
	file := filepath.Join(files(t, "all.yaml", "source: {every: -1s}\nsorce: {every: 1s}"), "all.yaml")
	_, stderr, code := call(t, nil, "validate", "--conf", file)
	assert.Equal(t, cli.ExitUsage, code)
	assert.Contains(t, stderr, `all.yaml: block "source": key "every": -1s is not positive`)
	assert.Contains(t, stderr, `all.yaml: block "sorce": nothing that runs is configured under the name "sorce", did you mean "source"?`)

	put(t, file, "blocks: [{name: source}]")
	_, stderr, _ = call(t, nil, "validate", "--conf", file)
	assert.Contains(t, stderr, `all.yaml: block "source": key "to": no block is responsible for "sink"`) // there is its place
}

// What is configured for a block that doesn't run is no fault: it may run with another flag. But it is told.
func TestConfiguredButNotRunning(t *testing.T) {
	folder := files(t, "blocks.yaml", "blocks: [{name: sink}]", "source.yaml", "every: 1s")
	_, stderr, code := call(t, []string{"TOY_SOURCE_EVERY=1s"}, "validate", "--conf", folder)
	assert.Zero(t, code, stderr)
	assert.Contains(t, stderr, `msg="this is not used, as no such block runs" name=source conf=`+filepath.Join(folder, "source.yaml"))
	assert.Contains(t, stderr, `msg="this is not used, as no such block runs" name=source variable=TOY_SOURCE_EVERY`)
	folder = files(t, "all.yaml", "blocks: [{name: sink}]\nsource: {every: 1s}")
	_, stderr, code = call(t, nil, "validate", "--conf", filepath.Join(folder, "all.yaml"))
	assert.Zero(t, code, stderr)
	assert.Contains(t, stderr, "name=source conf="+filepath.Join(folder, "all.yaml"))

	_, stderr, code = call(t, nil, "validate", "--conf", files(t, "README.md", "hello")) // such as a mount of the wrong folder
	assert.Zero(t, code, stderr)
	assert.Contains(t, stderr, "no configuration in this folder")
}

func TestReceivers(t *testing.T) {
	for list, want := range map[string]string{
		"[{name: source}, {name: sink}]":                              `"sink" has to be listed before "source"`,
		"[{name: source, responsibility: sink}]":                      `"sink" takes no messages`,
		"[{name: sink}, {name: source}, {name: extra}]":               "",
		"[{name: extra, responsibility: x}, {name: sink}]":            "",
		"[{name: source, responsibility: other}, {name: x}]":          `no block is responsible for "sink"`,
		"[{name: extra, responsibility: finisher}]":                   `responsibility "finisher" is taken`,
		"[{name: extra, responsibility: sink}, {name: source}]":       "", // not known to the program: may take
		"[{name: quiet, responsibility: sink}, {name: source}]":       `"sink" takes no messages, want a sink`,
		"[{name: sink, responsibility: a/b}, {name: sink}]":           "",
		"[{name: sink, responsibility: .hidden}, {name: sink}]":       "",
		"[{name: sink}, {name: sink, responsibility: \"two words\"}]": "",
	} {
		_, stderr, code := call(t, nil, "validate", "--conf", files(t, "blocks.yaml", "blocks: "+list))
		if want == "" {
			assert.Zero(t, code, "%s: %s", list, stderr)
			continue
		}
		assert.Equal(t, cli.ExitUsage, code, list)
		assert.Contains(t, stderr, want)
	}
}

// What config prints is a configuration, and the default one.
func TestSampleIsTheDefault(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "conf")
	_, stderr, code := call(t, nil, "config", "--write", folder)
	require.Zero(t, code, stderr)
	_, stderr, code = call(t, nil, "validate", "--conf", folder)
	require.Zero(t, code, stderr)

	want, _, _ := call(t, nil, "config")
	got, _, _ := call(t, nil, "config", "--conf", folder)
	assert.Equal(t, want, got)
	for _, line := range []string{
		"# how long it pauses",
		"every: 1h30m",
		"  deep: 7",
		`odd: "yes"`,
		"many: [a, \"1\"]",
		"#   - name: of the peer",
		"peers: []",
		"  - name: one",
		"# makes numbers\nsource:\n",
	} {
		assert.Contains(t, want, line)
	}
	assert.NotContains(t, want, "hidden")
	one, _, _ := call(t, nil, "config", "sink")
	assert.Contains(t, one, "\n\n# takes numbers\nsink:\n  # a wall\n  at: 2020-01-02T03:04:05Z\n")
	sink, err := os.ReadFile(filepath.Join(folder, "sink.yaml"))
	require.NoError(t, err)
	assert.Equal(t, "# sink.yaml: takes numbers\n\n# a wall\nat: 2020-01-02T03:04:05Z\n", string(sink))
	for _, text := range []string{want, one} {
		_, stderr, code = call(t, nil, "validate", "--conf", filepath.Join(files(t, "toy.yaml", text), "toy.yaml"))
		assert.Zero(t, code, stderr)
		assert.Empty(t, stderr)
	}

	put(t, filepath.Join(folder, "sink.yaml"), "at: 2021-01-01T00:00:00Z") // what is there stays
	require.NoError(t, os.Remove(filepath.Join(folder, "source.yaml")))
	_, stderr, code = call(t, nil, "config", "--write", folder)
	assert.Equal(t, cli.ExitFailure, code)
	assert.Contains(t, stderr, "blocks.yaml: file exists")
	assert.Contains(t, stderr, "sink.yaml: file exists")
	assert.FileExists(t, filepath.Join(folder, "source.yaml"))
	sink, err = os.ReadFile(filepath.Join(folder, "sink.yaml"))
	require.NoError(t, err)
	assert.Equal(t, "at: 2021-01-01T00:00:00Z", string(sink))
}

// Every variable of the table does what it says.
func TestVariables(t *testing.T) {
	stdout, _, code := call(t, nil, "config", "--env")
	require.Zero(t, code)
	for _, want := range []string{
		`TOY_SOURCE_EVERY +duration +1h30m`,
		`TOY_SOURCE_NESTED_DEEP +integer +7`,
		`TOY_SOURCE_MANY +list of text +a,1`,
		`TOY_SINK_AT +text +2020-01-02T03:04:05Z`,
		`TOY_SOURCE_LOUD +true, false +false`,
	} {
		assert.Regexp(t, "(?m)^"+want+"$", stdout)
	}
	assert.NotContains(t, stdout, "PEERS") // a list of sections: by files only
	var env []string
	for _, m := range regexp.MustCompile(`(?m)^(TOY_\w+) +(\S.*?)(?:  +(.*))?$`).FindAllStringSubmatch(stdout, -1) {
		env = append(env, m[1]+"="+m[3])
	}
	require.Greater(t, len(env), 6)
	_, stderr, code := call(t, env, "validate")
	assert.Zero(t, code, stderr)
	assert.Empty(t, stderr) // none stands for no key
	_, stderr, _ = call(t, append(env, "TOY_SOURCE_NESTED_DEEP=x"), "validate")
	assert.Contains(t, stderr, "TOY_SOURCE_NESTED_DEEP")
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	_, stderr, code := call(t, []string{"TOY_SOURCE_EVRY=secret", "TOY_SINK_AT_FILE=", "TOY_EXTRA_X=1", "HOME=/"}, "validate")
	assert.Zero(t, code)
	assert.Contains(t, stderr, "variable=TOY_SOURCE_EVRY known=TOY_SOURCE_EVERY\n")
	assert.Contains(t, stderr, "variable=TOY_EXTRA_X\n") // like none
	assert.NotContains(t, stderr, "secret")
	assert.Equal(t, 2, strings.Count(stderr, "level=WARN"), stderr)
	folder := files(t, "blocks.yaml", "blocks: [{name: extra}]") // nothing is known of its configuration
	_, stderr, _ = call(t, []string{"TOY_EXTRA_X=1"}, "validate", "--conf", folder)
	assert.NotContains(t, stderr, "level=WARN")
}

func TestList(t *testing.T) {
	stdout, stderr, code := call(t, nil, "list", "--first")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `(?m)^extra +\(registered\)$`, stdout)
	assert.Regexp(t, `(?m)^source +makes numbers$`, stdout)
	assert.Regexp(t, `(?m)^1\. quiet +quiet\n2\. sink +sink\n3\. source +source +sink$`, stdout)
	assert.NotContains(t, stdout, "finisher")
}

func TestVersion(t *testing.T) {
	stdout, _, code := call(t, nil, "version")
	require.Zero(t, code)
	assert.Regexp(t, `^toy \S+\nrevision \S+.*\ngo1\.\S+ \w+/\w+\n$`, stdout)
}

func TestLogLevelAndFormat(t *testing.T) {
	env := []string{"TOY_NOTHING=1"}
	_, stderr, _ := call(t, env, "validate", "--log-level=error")
	assert.Empty(t, stderr)
	_, stderr, _ = call(t, env, "validate", "--log-format=json")
	assert.Contains(t, stderr, `"variable":"TOY_NOTHING"`)

	folder := files(t, "source.yaml", "every: -1s", "links.yaml", "peer: nobody")
	_, stderr, code := call(t, env, "validate", "--log-format=json", "--conf", folder)
	assert.Equal(t, cli.ExitUsage, code)
	assert.Equal(t, 2, strings.Count(stderr, `"level":"ERROR","msg":"failed","error":"`+folder), stderr)
	for line := range strings.Lines(stderr) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}
