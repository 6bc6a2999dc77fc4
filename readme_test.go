package sputnik_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README shows the quickstart as it is, and links to files that are there.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("examples/quickstart/main.go")
	if os.IsNotExist(err) {
		t.Skip("the examples are a module of their own, and not here")
	}
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(program), "func init() {")
	code, _, _ = strings.Cut(code, "func main() {")
	if !strings.Contains(string(readme), "func init() {"+strings.TrimRight(code, "\n")) {
		t.Error("the quickstart in the README is another one than in examples/quickstart/main.go")
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(readme), -1) {
		_, err := os.Stat(link[1])
		assert.NoError(t, err)
	}
}
