package httpin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzSplit: what is split is within the limits, and is all that was sent, in its order.
func FuzzSplit(f *testing.F) {
	for _, body := range []string{
		"", "{}", "[]", "[{}]", ` [ {"a":[{}]} , {"b":"]}\n"} ] `, "{\"a\":1}\n\r\n{}\n", "[{},1]", "{}{}", "[{}", "\xef\xbb\xbf{}", "{\"\xff\":1}",
		"a\nb\r\n\r\n", "[[{}]]", "null", `{"a":1e400}`, `[{"a":"\ud800"}]`,
	} {
		for kind := range uint8(4) {
			f.Add([]byte(body), kind)
		}
	}
	conf := DefaultConf()
	conf.MaxMessage, conf.MaxBatch = 64, 5
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		contentType, lines := []string{typeJSON, typeNDJSON, typeText, typeText}[kind%4], kind%4 == 3
		before := bytes.Clone(body)
		messages, many, p := conf.split(contentType, lines, body)
		require.True(t, bytes.Equal(before, body), "the body isn't written to")
		if p != nil {
			assert.Contains(t, []int{400, 413}, p.Status)
			assert.NotEmpty(t, p.Remedy)
			return
		}
		require.NotEmpty(t, messages)
		require.LessOrEqual(t, len(messages), conf.MaxBatch)
		for _, m := range messages {
			require.NotEmpty(t, m)
			require.LessOrEqual(t, len(m), conf.MaxMessage)
			if contentType != typeText {
				require.True(t, json.Valid(m), "%q", m)
				require.EqualValues(t, '{', m[0])
			}
		}
		switch joined := bytes.Join(messages, []byte(",")); {
		case lines:
			assert.Equal(t, letters(body, "\r\n"), letters(bytes.Join(messages, nil), "\r\n"))
		case contentType == typeText:
			assert.Equal(t, [][]byte{body}, messages)
		case contentType == typeNDJSON:
			assert.Equal(t, letters(withoutBOM(body), " \t\r\n"), letters(bytes.Join(messages, nil), " \t\r\n"))
		case many:
			assert.Equal(t, compact(t, withoutBOM(body)), compact(t, []byte("["+string(joined)+"]")))
		default:
			assert.Equal(t, compact(t, withoutBOM(body)), compact(t, joined))
		}
	})
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, text))
	return b.String()
}

func letters(text []byte, without string) []byte {
	return slices.DeleteFunc(bytes.Clone(text), func(b byte) bool { return strings.IndexByte(without, b) >= 0 })
}
