package admin

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func FuzzLevel(f *testing.F) {
	for _, seed := range []string{"debug", ` {"level":"Warn"}`, `{"level":null}`, "{", "", "info+1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		level, err := readLevel(strings.NewReader(body))
		if err == nil {
			assert.True(t, slices.Contains([]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, level))
			assert.True(t, strings.Contains(strings.ToLower(body), levelName(level)) || strings.Contains(body, `\u`), "%q is %v", body, level)
		}
	})
}

// Nothing but the cookie itself is valid.
func FuzzCookie(f *testing.F) {
	s, now := newSessions("1", false), time.Now()
	good := s.begin(now).Value
	for _, seed := range []string{good, good + "0", good[1:], ".", "1." + strings.Repeat("0", 64)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) { assert.Equal(t, value == good, s.valid(value, now), value) })
}

// Only ids that were given are known.
func FuzzEventID(f *testing.F) {
	j := newJournal(3, time.Unix(1, 0))
	for range 5 {
		j.add(Entry{})
	}
	for _, seed := range []string{j.id(1), j.id(5), j.id(6), j.id(0), j.epoch + "-+1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		n, ok := j.number(id)
		if ok {
			assert.LessOrEqual(t, n, uint64(5))
			_, missed, now, _ := j.after(n)
			assert.LessOrEqual(t, missed, uint64(2))
			assert.Equal(t, uint64(5), now)
		}
	})
}
