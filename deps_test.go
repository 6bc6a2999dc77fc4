package sputnik_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Importing sputnik links koanf and what that needs, nothing else, and no web server.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	allowed := []string{
		"github.com/sputnik-go/sputnik", "github.com/knadh/koanf/", "github.com/go-viper/mapstructure/",
		"github.com/mitchellh/copystructure", "github.com/mitchellh/reflectwalk", "github.com/pelletier/go-toml/", "go.yaml.in/yaml/",
	}
next:
	for pkg := range strings.FieldsSeq(string(out)) {
		assert.NotEqual(t, "net/http", pkg)
		first, _, _ := strings.Cut(pkg, "/")
		if !strings.Contains(first, ".") {
			continue // the standard library
		}
		for _, prefix := range allowed {
			if strings.HasPrefix(pkg, prefix) {
				continue next
			}
		}
		t.Errorf("foreign dependency: %s", pkg)
	}
}
