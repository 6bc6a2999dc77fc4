package adopt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type ship struct{ log []string }

func (s *ship) Sail(to string) { s.log = append(s.log, "sail "+to) }
func (s *ship) Moor() error    { s.log = append(s.log, "moor"); return nil }
func (s *ship) Sink()          {}

func TestMethodsAreTakenAsTheyAre(t *testing.T) {
	var sail func(string)
	var moor func() error
	s := new(ship)
	wrong := Methods(s, "a boat",
		As(func(x interface{ Sail(to string) }) { sail = x.Sail }),
		As(func(interface{ Moor() }) { t.Error("another signature") }),
		As(func(x interface{ Moor() error }) { moor = x.Moor }),
		As(func(interface{ Fly() }) { t.Error("has none") }),
	)
	require.Empty(t, wrong)
	sail("Kiel")
	require.NoError(t, moor())
	require.Equal(t, []string{"sail Kiel", "moor"}, s.log)
}

func TestAnotherSignatureIsToldOnce(t *testing.T) {
	wrong := Methods(new(ship), "a boat",
		As(func(interface{ Sink(deep bool) }) { t.Error("another signature") }),
		As(func(interface{ Sink() error }) { t.Error("another signature") }),
	)
	require.Len(t, wrong, 1)
	require.EqualError(t, wrong[0], "method Sink of *adopt.ship has another signature than a boat's Sink")
}

func TestNilHasNoMethods(t *testing.T) {
	for _, impl := range []any{nil, (*ship)(nil)} {
		wrong := Methods(impl, "a boat", As(func(interface{ Sink() }) { t.Error("taken") }))
		require.Len(t, wrong, 1)
		require.EqualError(t, wrong[0], "nil")
	}
}
