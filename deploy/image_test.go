package deploy

import (
	"debug/buildinfo"
	"debug/elf"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var long = flag.Bool("long", false, "also build the program as the image's: a minute or more without a cache")

// instructions returns those of the Dockerfile, lines that go on put together.
func instructions(t *testing.T) []string {
	t.Helper()
	text := strings.ReplaceAll(readFile(t, "Dockerfile"), "\\\n", " ")
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, strings.Join(strings.Fields(line), " "))
		}
	}
	return all
}

func TestImage(t *testing.T) {
	all := instructions(t)
	scratch := slices.Index(all, "FROM scratch")
	require.Positive(t, scratch)
	build, final := all[:scratch], all[scratch+1:]

	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readFile(t, "go.mod"))
	require.Len(t, goVersion, 2)
	assert.Equal(t, "FROM golang:"+goVersion[1]+"-bookworm AS build", build[0], "built with the version that go.mod asks for")

	assert.Contains(t, final, "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt")
	assert.Contains(t, final, "COPY --from=build /out/syslog2nats /syslog2nats")
	assert.Contains(t, final, `ENTRYPOINT ["/syslog2nats"]`, "without a shell, which would take the signals")
	user := slices.IndexFunc(final, func(s string) bool { return strings.HasPrefix(s, "USER ") })
	require.GreaterOrEqual(t, user, 0)
	assert.Regexp(t, `^USER [1-9][0-9]+:[1-9][0-9]+$`, final[user], "numbers: Kubernetes can't tell whether a name is root")
	assert.Contains(t, final, "COPY --from=build --chown="+strings.TrimPrefix(final[user], "USER ")+" /out/data /data")
	for _, line := range final {
		assert.NotRegexp(t, `^(ENV S2N|RUN )`, line, "variables go before the files of whoever configures it; and there is nothing to run")
	}
	// The store of the embedded broker, a relative name, is on the volume.
	assert.Contains(t, final, "WORKDIR /data")
	assert.Contains(t, final, "VOLUME /data")
	assert.False(t, filepath.IsAbs(readConfiguration(t, folderWith(t, map[string]string{
		"blocks.yaml": "blocks: [{name: admin}]",
	}), nil).broker.Store))
}

// buildCommand is the Dockerfile's, for a binary of another name.
func buildCommand(t *testing.T, binary string) string {
	t.Helper()
	for _, line := range instructions(t) {
		if _, command, ok := strings.Cut(line, " GOWORK=off "); ok && strings.HasPrefix(line, "RUN ") {
			return "GOWORK=off " + strings.Replace(command, "/out/syslog2nats", binary, 1)
		}
	}
	t.Fatal("no build in the Dockerfile")
	return ""
}

func TestImageBuilds(t *testing.T) {
	if !*long {
		t.Skip("builds the program: -long")
	}
	binary := filepath.Join(t.TempDir(), "syslog2nats")
	cmd := exec.Command("sh", "-c", buildCommand(t, binary))
	cmd.Dir = ".." // the WORKDIR of the build
	cmd.Env = append(os.Environ(), "VERSION=1.2.3")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	file, err := elf.Open(binary)
	require.NoError(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries, "not static")
	for _, p := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "needs a loader, which isn't in the image")
	}
	info, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	assert.True(t, slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-tags" && s.Value == "timetzdata"
	}), "no time zones in it, and none in the image")

	out, err = exec.Command(binary, "version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "syslog2nats 1.2.3\n")
}
