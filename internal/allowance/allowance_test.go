package allowance

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errCut = errors.New("cut")

func TestTimeIsSpentFromTheBeginningOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(10*time.Second, time.Second)
		time.Sleep(time.Minute)
		require.Equal(t, 10*time.Second, a.Left(), "not begun")
		a.Begin()
		time.Sleep(4 * time.Second)
		require.Equal(t, 6*time.Second, a.Left())
		time.Sleep(7 * time.Second)
		require.Equal(t, -time.Second, a.Left())
		require.NoError(t, a.Cause())
	})
}

func TestACutLeavesTheGraceAtMost(t *testing.T) {
	for spent, left := range map[time.Duration]time.Duration{
		time.Second:             time.Second,            // there was more
		9500 * time.Millisecond: 500 * time.Millisecond, // there was less
		11 * time.Second:        time.Second,            // there was nothing
	} {
		synctest.Test(t, func(t *testing.T) {
			a := New(10*time.Second, time.Second)
			a.Begin()
			time.Sleep(spent)
			require.True(t, a.Cut(errCut))
			require.Equal(t, left, a.Left(), "after %v", spent)
			<-a.IsCut()
			require.False(t, a.Cut(errors.New("again")))
			require.Equal(t, errCut, a.Cause())
		})
	}
}

func TestWhatIsCutBeforeItBeginsIsTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(10*time.Second, time.Second)
		a.Cut(errCut)
		time.Sleep(time.Minute)
		a.Begin()
		require.Equal(t, time.Second, a.Left())
	})
}

func TestAShareLeavesSomethingToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(20*time.Second, time.Second)
		a.Begin()
		require.Equal(t, 10*time.Second, a.Share(0, Half, 3))
		require.Equal(t, 17*time.Second, a.Share(0, 3*time.Second, 3))
		require.Equal(t, 20*time.Second, a.Share(0, 0, 3), "the last one")
		require.Equal(t, 2*time.Second, a.Share(2*time.Second, Half, 3), "its own")
		require.Equal(t, 20*time.Second, a.Share(time.Minute, 0, 3))
		time.Sleep(16 * time.Second)
		require.Equal(t, 3*time.Second, a.Share(0, 3*time.Second, 3), "a quarter is enough")
		time.Sleep(5 * time.Second)
		require.Equal(t, time.Millisecond, a.Share(0, Half, 3))
		require.Equal(t, 10*time.Microsecond, a.Share(time.Second, 0, 100_000))
	})
}
