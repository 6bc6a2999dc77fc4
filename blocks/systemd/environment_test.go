package systemd

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		socket, usec, pid string
		want              environment
		wrong             string
	}{
		"none":                 {},
		"none, but a watchdog": {usec: "5", pid: "42"},
		"path":                 {socket: "/run/notify", want: environment{socket: "/run/notify"}},
		"abstract":             {socket: "@/org/x", want: environment{socket: "@/org/x"}},
		"watchdog":             {socket: "@x", usec: "30000000", want: environment{"@x", 30 * time.Second}},
		"own watchdog":         {socket: "@x", usec: "2", pid: "42", want: environment{"@x", 2 * time.Microsecond}},
		"other's watchdog":     {socket: "@x", usec: "2", pid: "43", want: environment{socket: "@x"}},
		"relative path":        {socket: "run/notify", wrong: "NOTIFY_SOCKET"},
		"too long":             {socket: "/" + strings.Repeat("x", 107), wrong: "NOTIFY_SOCKET"},
		"no time":              {socket: "@x", usec: "0", wrong: "WATCHDOG_USEC"},
		"for ever":             {socket: "@x", usec: "18446744073709551615", wrong: "WATCHDOG_USEC"},
		"no process":           {socket: "@x", pid: "self", wrong: "WATCHDOG_PID"},
	} {
		t.Run(name, func(t *testing.T) {
			vars := map[string]string{"NOTIFY_SOCKET": c.socket, "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}
			env, err := readEnvironment(func(name string) string { return vars[name] }, 42)
			if c.wrong != "" {
				assert.ErrorContains(t, err, c.wrong)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, c.want, env)
		})
	}
}

// The text of an error may hold anything.
func FuzzStatusLine(f *testing.F) {
	f.Add("stopping: two\nlines\tand a tab")
	f.Add("\xff\xfe\x00")
	f.Add(strings.Repeat("é", maxStatus))
	f.Fuzz(func(t *testing.T, text string) {
		line := statusLine(text)
		body, ok := strings.CutPrefix(line, "STATUS=")
		if !ok || strings.ContainsAny(line, "\n\r\x00") || !utf8.ValidString(line) || len(body) > maxStatus+len("...") {
			t.Errorf("%q", line)
		}
	})
}
