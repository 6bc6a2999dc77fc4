package fault

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestList(t *testing.T) {
	l := Of("b")
	l.Unless(true, "a", "is fine")
	l.Err("a", nil)
	l.Within("a", 1, 1, 3)
	l.Within("a", 3, 1, 3)
	require.NoError(t, l.Join())

	l.Unless(false, "to", "%q is nobody", "x")
	l.Within("low", 0, 1, 3)
	l.Within("high", 4, 1, 3)
	l.Err("file", fs.ErrNotExist)
	err := l.Join()
	require.ErrorIs(t, err, fs.ErrNotExist)
	var keys, texts []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *sputnik.ConfError
		require.ErrorAs(t, e, &fault)
		assert.Equal(t, "b", fault.Name)
		keys, texts = append(keys, fault.Key), append(texts, fault.Err.Error())
	}
	assert.Equal(t, []string{"to", "low", "high", "file"}, keys)
	assert.Equal(t, []string{`"x" is nobody`, "0 is not 1 to 3", "4 is not 1 to 3", "file does not exist"}, texts)
}
