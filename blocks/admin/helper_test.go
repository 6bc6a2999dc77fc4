package admin

import (
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// readmeExample is the example of /status.
func readmeExample(t *testing.T) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme(t), "```json\n")
	require.True(t, ok)
	text, _, ok := strings.Cut(rest, "\n```")
	require.True(t, ok)
	return text
}

// shape lists the paths of all fields; those below a map of counters are data.
func shape(v any) []string {
	var paths []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, field := range v {
				paths = append(paths, path+"."+key)
				if key != "counters" {
					walk(path+"."+key, field)
				}
			}
		case []any:
			for _, item := range v {
				walk(path+"[]", item)
			}
		}
	}
	walk("", v)
	slices.Sort(paths)
	return slices.Compact(paths)
}

func number(t *testing.T, j *journal, id string) uint64 {
	t.Helper()
	n, ok := j.number(id)
	require.True(t, ok, id)
	return n
}

// first is the first event of a stream.
func first(s *follower) Entry {
	s.t.Helper()
	for s.scanner.Scan() {
		if id, ok := strings.CutPrefix(s.scanner.Text(), "id: "); ok {
			return Entry{ID: id}
		}
	}
	require.Fail(s.t, "no event")
	return Entry{}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// dial opens a connection and sends text.
func (f *flight) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = c.Write([]byte(text))
	require.NoError(t, err)
	return c
}
