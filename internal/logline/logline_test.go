package logline

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type stamp struct{ Time time.Time }

type plain struct {
	stamp `log:"debug all is well"`
	Count int
	Took  time.Duration
	Err   error
	Ship  ship
	Flag  bool
}

type worse struct {
	stamp `log:"info over"`
	Flag  bool  `log:"warn over, cut short"`
	Err   error `log:"error over, badly"`
}

type ship struct {
	name  string
	Masts uint64
}

type hollow struct{} // an error that is a zero value

func (hollow) Error() string { return "hollow" }

func words(key string, field any) []slog.Attr {
	switch v := field.(type) {
	case ship:
		return []slog.Attr{slog.String(key, v.name), slog.Uint64("masts", v.Masts)}
	case hollow:
		return []slog.Attr{slog.Any(key, v), slog.String(Stacks, "")}
	}
	return nil
}

func TestTagsAndFieldsSayItAll(t *testing.T) {
	boom := errors.New("boom")
	for want, v := range map[string]any{
		`level=DEBUG msg="all is well"`:                       plain{},
		`level=DEBUG msg="all is well" count=3 took=1.5s`:     plain{stamp{time.Now()}, 3, 1500*time.Millisecond + 1, nil, ship{}, true},
		`level=DEBUG msg="all is well" error=boom ship=gorch`: plain{Err: boom, Ship: ship{name: "gorch"}},
		`level=DEBUG msg="all is well" error=hollow masts=3`:  plain{Err: hollow{}, Ship: ship{Masts: 3}},
		`level=INFO msg=over`:                                 worse{},
		`level=WARN msg="over, cut short"`:                    worse{Flag: true},
		`level=ERROR msg="over, badly" error=boom`:            worse{Flag: true, Err: boom},
		`level=INFO msg=""`:                                   struct{ stamp }{},
		`level=INFO msg=odd`: struct {
			stamp `log:"loud odd"`
		}{},
	} {
		var out bytes.Buffer
		h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})
		require.NoError(t, h.Handle(t.Context(), Of(time.Unix(0, 0).UTC(), v, words)))
		require.Equal(t, "time=1970-01-01T00:00:00.000Z "+want+"\n", out.String())
	}
}
