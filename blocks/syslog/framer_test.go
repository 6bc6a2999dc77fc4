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

const testLimit = 64

// frames reads r to its end and writes the frames down, the truncated ones with a "~" in front.
func frames(r io.Reader, limit int) ([]string, error) {
	var all []string
	note := func(f Frame) {
		mark := ""
		if f.Truncated {
			mark = "~"
		}
		all = append(all, mark+string(f.Data))
	}
	f := NewFramer(limit)
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
			note(frame)
		}
		if readErr != nil {
			if frame, ok := f.Rest(); ok {
				note(frame)
			}
			return all, nil
		}
	}
}

func TestFramer(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	cases := map[string]struct {
		in   string
		want []string
	}{
		"lines that end with LF":              {"<1>a\n<2>b\n", []string{"<1>a", "<2>b"}},
		"lines that end with NUL":             {"<1>a\x00<2>b\x00", []string{"<1>a", "<2>b"}},
		"lines that end with CR LF":           {"<1>a\r\n<2>b\r\n", []string{"<1>a", "<2>b"}},
		"empty lines are none":                {"\n\r\n\x00<1>a\n\n", []string{"<1>a"}},
		"octet counts":                        {"4 <1>a5 <2>bc", []string{"<1>a", "<2>bc"}},
		"octet count with LF inside":          {"6 <1>a\nb4 <2>c", []string{"<1>a\nb", "<2>c"}},
		"octet count that counts its LF":      {"5 <1>a\n4 <2>c", []string{"<1>a", "<2>c"}},
		"octet count with LF behind":          {"4 <1>a\n4 <2>c\n", []string{"<1>a", "<2>c"}},
		"both in turn":                        {"<1>a\n4 <2>b<3>c\n4 <4>d", []string{"<1>a", "<2>b", "<3>c", "<4>d"}},
		"octet count without priority, after": {"4 <1>a3 xyz", []string{"<1>a", "xyz"}},
		"octet count of nothing":              {"4 <1>a0 <2>b\n", []string{"<1>a", "0 <2>b"}},
		"a line that begins with a digit":     {"2026-11-20 up\n", []string{"2026-11-20 up"}},
		"a line that begins with a number":    {"404 not found\n<1>a\n", []string{"404 not found", "<1>a"}},
		"a line of digits":                    {"1234567890123456789012345 <1>a\n", []string{"1234567890123456789012345 <1>a"}},
		"a zero in front is no count":         {"04 <1>a\n", []string{"04 <1>a"}},
		"garbage first byte":                  {"\xff\xfe<1>a\n<2>b\n", []string{"\xff\xfe<1>a", "<2>b"}},
		"leading BOM":                         {"\xef\xbb\xbf<1>a\n<2>b\n", []string{"<1>a", "<2>b"}},
		"leading BOM before an octet count":   {"\xef\xbb\xbf4 <1>a", []string{"<1>a"}},
		"half a BOM":                          {"\xef\xbb", []string{"~\xef\xbb"}},
		"a line as long as may be":            {x(testLimit) + "\n<1>a\n", []string{x(testLimit), "<1>a"}},
		"a line as long as may be, CR LF":     {x(testLimit) + "\r\n<1>a\n", []string{x(testLimit), "<1>a"}},
		"a line one byte too long":            {x(testLimit+1) + "\n<1>a\n", []string{"~" + x(testLimit), "<1>a"}},
		"a line two bytes too long":           {x(testLimit+2) + "\n<1>a\n", []string{"~" + x(testLimit), "<1>a"}},
		"a line far too long":                 {x(9*testLimit) + "\n<1>a\n", []string{"~" + x(testLimit), "<1>a"}},
		"a line far too long without end":     {x(9 * testLimit), []string{"~" + x(testLimit)}},
		"a cut does not split a rune":         {x(testLimit-1) + "äöü\n", []string{"~" + x(testLimit-1)}},
		"an octet count as long as may be":    {fmt.Sprintf("%d <1>%s4 <2>b", testLimit, x(testLimit-3)), []string{"<1>" + x(testLimit-3), "<2>b"}},
		"an octet count that is too long":     {fmt.Sprintf("%d <1>%s4 <2>b", 3*testLimit, x(3*testLimit-3)), []string{"~<1>" + x(testLimit-3), "<2>b"}},
		"half a line at the end":              {"<1>a\n<2>b", []string{"<1>a", "~<2>b"}},
		"half an octet count's text":          {"4 <1>a9 <2>b", []string{"<1>a", "~<2>b"}},
		"half an octet count":                 {"4 <1>a12", []string{"<1>a", "~12"}},
		"an octet count and nothing more":     {"4 <1>a12 ", []string{"<1>a"}},
		"an octet count that is too low":      {"5 <1>abc\n5 <1>ab", []string{"<1>ab", "c", "<1>ab"}},
		"nothing":                             {"", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := frames(strings.NewReader(c.in), testLimit)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			got, err = frames(iotest.OneByteReader(strings.NewReader(c.in)), testLimit)
			require.NoError(t, err)
			assert.Equal(t, c.want, got, "byte by byte")
		})
	}
}

func TestFramerRefusesAnOctetCountOfGigabytesWithoutAllocating(t *testing.T) {
	for _, count := range []string{"1025", "1073741824", "18446744073709551617", "99999999999999999999"} {
		f := NewFramer(testLimit)
		_, err := f.Fill(strings.NewReader(count + " <1>a"))
		require.NoError(t, err)
		_, _, err = f.Next()
		var oversize *OversizeError
		require.ErrorAs(t, err, &oversize, count)
		assert.Equal(t, count, oversize.Count)
		assert.LessOrEqual(t, cap(f.buf), firstBuffer)
	}
}

func TestFramerNeedsNoMoreThanTwiceTheLimit(t *testing.T) {
	const limit = 100 << 10
	f := NewFramer(limit)
	endless := bytes.NewReader(bytes.Repeat([]byte("x"), 10*limit))
	for {
		if _, err := f.Fill(endless); err != nil {
			break
		}
		_, _, err := f.Next()
		require.NoError(t, err)
	}
	assert.Less(t, cap(f.buf), 2*(limit+maxDigits+2)+firstBuffer)
}

// FuzzFramer: what comes out depends on the bytes, not on how they were split into reads.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("<1>a\n4 <2>b\x00<3>c\r\n"), uint8(3))
	f.Add([]byte("\xef\xbb\xbf12 <1>hello wo404 not found\n"), uint8(1))
	f.Add([]byte("9999999999 <1>"), uint8(2))
	f.Add(bytes.Repeat([]byte("ä"), 3*testLimit), uint8(5))
	f.Add([]byte("200 <1>"+strings.Repeat("ö", 100)+"<2>b\n"), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		whole, wholeErr := frames(bytes.NewReader(data), testLimit)
		split, splitErr := frames(&chunkReader{data: data, size: int(chunk%32) + 1}, testLimit)
		assert.Equal(t, whole, split)
		assert.Equal(t, wholeErr, splitErr)
		for _, frame := range whole {
			assert.LessOrEqual(t, len(strings.TrimPrefix(frame, "~")), testLimit)
		}
	})
}

// chunkReader reads size bytes at a time, then one less, and so on.
type chunkReader struct {
	data []byte
	size int
	turn int
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, r.size-r.turn%r.size))], r.data)
	r.data = r.data[n:]
	r.turn++
	return n, nil
}
