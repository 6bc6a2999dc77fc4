package sputniktest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var mutantsFlag = flag.Bool("mutants", false, "whether TestMutants breaks the library and wants the simulation to notice")

// mutant is one breakage of the library's source: old, which stands exactly once in file, becomes replacement.
type mutant struct {
	name, file, old, replacement string
}

// TestMutants proves that the simulation can fail: it breaks the library in one place, flies up to a
// thousand seeds, and wants an offence. Nothing is changed on disk, the go command gets an overlay:
//
//	go test ./sputniktest -run Mutants -mutants -v
func TestMutants(t *testing.T) {
	if !*mutantsFlag {
		t.Skip("takes minutes: use -mutants")
	}
	table := []string{fmt.Sprintf("%-60s %5s  as", "mutant", "seed")}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			seed, as := m.fly(t)
			table = append(table, fmt.Sprintf("%-60s %5s  %s", m.name, seed, as))
		})
	}
	t.Logf("\n%s", strings.Join(table, "\n"))
}

// The texts that mutants replace change with the library: this is checked always.
func TestMutantsFindTheirPlace(t *testing.T) {
	for _, m := range mutants {
		m.applied(t)
	}
}

// applied returns the file that the mutant breaks, and its broken text.
func (m mutant) applied(t *testing.T) (path, broken string) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	path = filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), m.old), "%s: the text that the mutant replaces must stand in %s exactly once; it stands in: %v",
		m.name, m.file, m.where(root))
	return path, strings.Replace(string(source), m.old, m.replacement, 1)
}

// fly returns the lowest seed that notices the mutant, and what it says.
func (m mutant) fly(t *testing.T) (seed, as string) {
	path, text := m.applied(t)
	dir := t.TempDir()
	broken, overlay := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(broken, []byte(text), 0o600))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))

	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-vet=off", "-timeout=100s", //nolint:gosec // our own arguments
		"./sputniktest", "-run", "Simulation$", "-seeds", "1000", "-shrink=false")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	require.NotContains(t, string(out), "[build failed]", "%s", out)
	require.Error(t, err, "nobody noticed")
	seed, as = "?", firstOf(string(out), `(?m)^(panic: .*|fatal error: .*)$`, `(?m)^.*(FAIL|Error).*$`)
	lowest := 0
	for _, found := range regexp.MustCompile(`seed (\d+) offends ([^ ]+) at [^ ]+ (.*)`).FindAllStringSubmatch(string(out), -1) {
		if n, err := strconv.Atoi(found[1]); err == nil && (lowest == 0 || n < lowest) {
			lowest, seed, as = n, found[1], found[2]+": "+found[3]
		}
	}
	if len(as) > 120 {
		as = as[:117] + "..."
	}
	return seed, as
}

// where lists the files that have the text that is to be replaced.
func (m mutant) where(root string) (files []string) {
	for _, pattern := range []string{"*.go", "internal/*/*.go"} {
		all, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is a good one
		for _, file := range all {
			if source, err := os.ReadFile(file); err == nil && strings.Contains(string(source), m.old) {
				files = append(files, strings.TrimPrefix(file, root+"/"))
			}
		}
	}
	return files
}

// firstOf returns the first match of the first expression that matches.
func firstOf(text string, expressions ...string) string {
	for _, e := range expressions {
		if found := regexp.MustCompile(e).FindString(text); found != "" {
			return found
		}
	}
	return text
}
