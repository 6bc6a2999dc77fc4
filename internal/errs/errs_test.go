package errs

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIsOnly(t *testing.T) {
	a, b, other := errors.New("a"), errors.New("b"), errors.New("other")
	for name, c := range map[string]struct {
		err  error
		only bool
	}{
		"itself":          {a, true},
		"wrapped":         {fmt.Errorf("on the way: %w", b), true},
		"both":            {errors.Join(a, fmt.Errorf("then: %w", b)), true},
		"another":         {other, false},
		"another beside":  {errors.Join(a, other), false},
		"another, deeper": {fmt.Errorf("%w, then: %w", a, fmt.Errorf("and: %w", other)), false},
		"words alone":     {fmt.Errorf("a"), false},
	} {
		require.Equal(t, c.only, IsOnly(c.err, a, b), name)
	}
}

func TestIsNil(t *testing.T) {
	var typed *int
	require.True(t, IsNil(nil))
	require.True(t, IsNil(typed))
	require.False(t, IsNil(new(int)))
	require.False(t, IsNil(errors.New("a")))
}
