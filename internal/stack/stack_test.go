package stack

import (
	"context"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// park waits in a goroutine with the labels of ctx, and in another that it starts.
func park(ctx context.Context, quit <-chan struct{}) (through <-chan struct{}) {
	begun, done := make(chan struct{}), make(chan struct{})
	go func() {
		pprof.SetGoroutineLabels(ctx)
		inner := make(chan struct{})
		go func() {
			defer close(inner)
			close(begun)
			<-quit
		}()
		<-quit
		<-inner
		close(done)
	}()
	<-begun
	return done
}

func TestAProfileTellsTheGoroutinesOfBlocksApart(t *testing.T) {
	quit := make(chan struct{})
	odd := `a "quoted" name`
	one := park(Labelled(t.Context(), "f", odd), quit)
	two := park(Labelled(t.Context(), "g", odd), quit)
	three := park(pprof.WithLabels(Labelled(t.Context(), "f", "b"), pprof.Labels("mine", "x")), quit)
	var p Profile
	for _, block := range []string{odd, "b"} {
		own := p.Of("f", block)
		require.Contains(t, own, "park.func1.1", "a goroutine that the block has started")
		require.NotContains(t, own, "tRunner")
	}
	require.Empty(t, p.Of("f", "c"))
	require.NotEqual(t, p.Of("f", odd), p.Of("g", odd))
	close(quit)
	<-one
	<-two
	<-three
}

func TestInsideLooksUpTheStack(t *testing.T) {
	require.True(t, Inside(TestInsideLooksUpTheStack))
	func() { require.True(t, Inside(TestInsideLooksUpTheStack)) }()
	require.False(t, Inside(TestMain))
	through := make(chan bool)
	go func() { through <- Inside(TestInsideLooksUpTheStack) }()
	require.False(t, <-through, "another goroutine")
}
