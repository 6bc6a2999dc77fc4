package deploy

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

// program is syslog2nats as it is in this tree, built once.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m)) //nolint:forbidigo // a TestMain is the main of the tests
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "deploy")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program = filepath.Join(folder, "syslog2nats")
	build := exec.Command("go", "build", "-C", filepath.Join("..", "examples"), "-o", program, "./syslog2nats")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// validate has the program itself check a configuration: it knows more than each block does.
func validate(t *testing.T, folder string, environ []string) {
	t.Helper()
	cmd := exec.Command(program, "validate", "--conf", folder)
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
	assert.Equal(t, "ok\n", string(out), "a warning")
}
