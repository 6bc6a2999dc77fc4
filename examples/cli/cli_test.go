package cli_test

import (
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
		"far from any command": {[]string{"xxxxxxxxx"}, `unexpected argument xxxxxxxxx, did you mean `},
		"unknown flag":         {[]string{"--cnof=x"}, `did you mean "--conf"?`},
		"unknown short flag":   {[]string{"-x"}, `unknown flag -x`},
		"after a command":      {[]string{"validate", "--lod-level=info"}, `did you mean "--log-level"?`},
		"no value":             {[]string{"--conf"}, `--conf`},
		"wrong value":          {[]string{"--log-level=loud"}, `--log-level must be one of`},
		"argument too many":    {[]string{"list", "x"}, `unexpected argument x`},
		"unknown section":      {[]string{"config", "sourc"}, `did you mean "source"?`},
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
		`surce.yaml: nothing that runs is configured by a file of this name`,
		`variable=TOY_SOURCE_EVRY known=TOY_SOURCE_EVERY`,
	} {
		assert.Contains(t, stderr, want)
	}
	_, stderr, code = call(t, []string{"TOY_SOURCE_TO=nobody"}, "validate")
	assert.Equal(t, cli.ExitUsage, code)
	assert.Contains(t, stderr, `TOY_SOURCE_TO: block "source": key "to": no block is responsible for "nobody"`)
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
	require.NoError(t, os.Mkdir(folder, 0o700))
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
		"---\n# source.yaml: makes numbers\n",
	} {
		assert.Contains(t, want, line)
	}
	assert.NotContains(t, want, "hidden")
	one, _, _ := call(t, nil, "config", "sink")
	assert.Equal(t, "# sink.yaml: takes numbers\n\n# a wall\nat: 2020-01-02T03:04:05Z\n", one)

	_, stderr, code = call(t, nil, "config", "--write", folder) // what is there stays
	assert.Equal(t, cli.ExitFailure, code)
	assert.Contains(t, stderr, "blocks.yaml: file exists")
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
	assert.Contains(t, stderr, "variable=TOY_SOURCE_EVRY known=TOY_SOURCE_EVERY")
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
}
