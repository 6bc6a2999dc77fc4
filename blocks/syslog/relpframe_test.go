package syslog

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// relpFrames reads r to its end and writes the frames down.
func relpFrames(r io.Reader, limit int) ([]string, error) {
	var all []string
	f := newRELPFramer(limit)
	for {
		_, readErr := f.Fill(r)
		for {
			frame, ok, err := f.Next()
			if err != nil {
				return all, err
			}
			if !ok {
				break
			}
			mark := ""
			if frame.truncated {
				mark = "~"
			}
			all = append(all, fmt.Sprintf("%d %s %s%q", frame.txnr, frame.command, mark, frame.data))
		}
		if readErr != nil {
			if f.Pending() {
				all = append(all, "...")
			}
			return all, nil
		}
	}
}

func TestRELPFramer(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	cases := map[string]struct {
		in   string
		want []string
	}{
		"commands":             {"1 open 3 a=b\n2 syslog 4 <1>a\n3 close 0\n", []string{`1 open "a=b"`, `2 syslog "<1>a"`, `3 close ""`}},
		"LF in the data":       {"1 syslog 3 a\nb\n", []string{`1 syslog "a\nb"`}},
		"largest numbers":      {"999999999 " + x(32) + " 000000001 a\n", []string{"999999999 " + x(32) + ` "a"`}},
		"as long as may be":    {fmt.Sprintf("1 syslog %d %s\n2 close 0\n", testLimit, x(testLimit)), []string{fmt.Sprintf("1 syslog %q", x(testLimit)), `2 close ""`}},
		"longer than may be":   {fmt.Sprintf("1 syslog %d %s\n2 close 0\n", 3*testLimit, x(3*testLimit)), []string{fmt.Sprintf("1 syslog ~%q", x(testLimit)), `2 close ""`}},
		"half a number":        {"12", []string{"..."}},
		"half a command":       {"12 sys", []string{"..."}},
		"half a length":        {"12 syslog 1", []string{"..."}},
		"half the data":        {"12 syslog 10 abc", []string{"..."}},
		"no LF at the end":     {"12 syslog 1 a", []string{`12 syslog "a"`, "..."}},
		"no LF at the end, 0":  {"12 close 0", []string{"..."}},
		"nothing":              {"", nil},
		"several in one piece": {strings.Repeat("1 syslog 1 a\n", 3), []string{`1 syslog "a"`, `1 syslog "a"`, `1 syslog "a"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				got, err := relpFrames(r, testLimit)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestRELPFramerRefusesWhatIsNone(t *testing.T) {
	for _, in := range []string{
		"<13>Nov 20", "open 0\n", "1", "1234567890 syslog 0\n", "1\n", "1  0\n", "1 sys1og 0\n", "1 " + strings.Repeat("x", 33) + " 0\n",
		"1 syslog x\n", "1 syslog 1234567890 \n", "1 syslog 3\nabc\n", "1 syslog 0 \n", "1 syslog 2 abc\n2", "\x16\x03\x01", "1 syslog -1 \n",
	} {
		want := errNotRELP
		if in == "1" {
			want = nil
		}
		_, err := relpFrames(strings.NewReader(in), testLimit)
		require.ErrorIs(t, err, want, in)
	}
	f := newRELPFramer(testLimit)
	_, err := f.Fill(strings.NewReader("1 syslog 999999999 x"))
	require.NoError(t, err)
	_, _, err = f.Next()
	var oversize *OversizeError
	require.ErrorAs(t, err, &oversize)
	assert.LessOrEqual(t, cap(f.buf), firstBuffer)
}

// FuzzRELPFramer: what comes out depends on the bytes, not on how they were split into reads.
func FuzzRELPFramer(f *testing.F) {
	f.Add([]byte("1 open 3 a=b\n2 syslog 4 <1>a\n3 close 0\n"), uint8(3))
	f.Add([]byte("1 syslog 200 "+strings.Repeat("ö", 100)+"\n2 syslog 1 a\n"), uint8(7))
	f.Add([]byte("1 syslog 999999999 x"), uint8(1))
	f.Add([]byte("1 syslog 5 abc\n"), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		whole, wholeErr := relpFrames(bytes.NewReader(data), testLimit)
		split, splitErr := relpFrames(&chunkReader{data: data, size: int(chunk%32) + 1}, testLimit)
		assert.Equal(t, whole, split)
		assert.Equal(t, wholeErr == nil, splitErr == nil, "the text shows what was read by then")
	})
}
