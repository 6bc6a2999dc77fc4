package blackbox

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func record(text string, attrs ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Now().UTC(), slog.LevelWarn, text, 0)
	r.AddAttrs(attrs...)
	return r
}

func TestAReportIsForPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Box
		began := time.Now()
		time.Sleep(90*time.Second + 4*time.Millisecond)
		require.False(t, b.Note(record("calm", slog.Int("count", 3), slog.Bool("end", false)), Plain, ""))
		require.True(t, b.Note(record("bad", slog.Any("error", errors.New("boom\nbang")), slog.String("stacks", "goroutine 1\n\n")), Plain, ""))
		require.True(t, b.Note(record("worse", slog.Int("n", 1)), Alarm, ""), "as long as nobody takes the report")
		why, text := b.Report(
			[]Fact{{"state", "fine for " + Age(began)}, {"nothing", ""}, {"no error", error(nil)}, {"circle", []string{"a", "b"}}},
			[]string{"name", "for", "count", "error"},
			[]Row{
				{Cells: []any{"good\tone", Age(time.Now().Add(-1500 * time.Microsecond)), 0, nil}},
				{First: true, Cells: []any{"bad", Age(time.Now().Add(time.Second)), uint64(7), errors.New(strings.Repeat("é", 81))}},
			})
		require.Equal(t, "boom\nbang", why)
		require.Equal(t, `black box of 2000-01-01T00:01:30.004Z
=====================================

why:         boom
             bang
also:        worse n=1
state:       fine for 1m30s
circle:      [a b]

NAME      FOR  COUNT  ERROR
bad       0s   7      `+strings.Repeat("é", 80)+`...
good one  2ms  -      -

last events, > marks trouble:
  00:01:30.004 WARN  calm count=3 end=false
> 00:01:30.004 WARN  bad error=boom...
> 00:01:30.004 WARN  worse n=1

stacks: boom
bang
goroutine 1
`, text)
	})
}

func TestOneReportASecondAndTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Box
		var whys []string
		note := func(why string, end bool) {
			kind := Plain
			if end {
				kind = End
			} else if why != "" {
				kind = Alarm
			}
			if b.Note(record(why), kind, "") {
				first, _ := b.Report(nil, nil, nil)
				whys = append(whys, first)
			}
			time.Sleep(400 * time.Millisecond)
		}
		note("", true) // 0 s: nothing to tell
		note("a", false)
		note("b", false)
		note("c", false)
		note("", false) // 1.6 s: b and c are due, since 1.4 s
		note("d", false)
		note("", true)
		require.Equal(t, []string{"a", "b", "d"}, whys)
	})
}

func TestAReportIsNeverEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Box
		for n := range 100 {
			b.Note(record(fmt.Sprintf("event %d.", n), slog.String("error", fmt.Sprintf("trouble %d.", n))), Alarm, fmt.Sprintf("where %d.", n))
		}
		_, text := b.Report(nil, []string{"name"}, make([]Row, 503))
		require.NotContains(t, text, "event 35.")
		require.Contains(t, text, "event 36.")
		require.Equal(t, 32, strings.Count(text, "where"))
		require.Contains(t, text, "also:        ... and 68 more\n")
		require.Contains(t, text, "\n... and 3 more\n")
	})
}
