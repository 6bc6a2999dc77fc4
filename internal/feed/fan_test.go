package feed

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachReaderGetsEachItemWhateverTheOthersDo(t *testing.T) {
	var got []string
	reader := func(f func(string)) *func(string) { return &f }
	note := func(name string) *func(string) { return reader(func(item string) { got = append(got, name+item) }) }
	fan := Fan[string]{
		Readers: []*func(string){
			note("a"), reader(func(string) { panic("boom") }), note("b"), reader(func(string) { runtime.Goexit() }), note("c"),
		},
		Guard: func(fn func() error, done func(error)) {
			err := errors.New("ended")
			defer func() {
				if v := recover(); v != nil {
					err = errors.New("panicked")
				}
				done(err)
			}()
			err = fn()
		},
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		fan.Tell("1")
		t.Error("the goroutine goes on")
	}()
	<-over
	require.Equal(t, []string{"a1", "b1", "c1"}, got)
	require.EqualError(t, fan.Fault, "observer: panicked")
	fan.Blame("file", errors.New("full"))
	require.EqualError(t, fan.Fault, "observer: panicked", "the first counts")
}

func TestNoFaultIsNone(t *testing.T) {
	var fan Fan[int]
	fan.Tell(1)
	fan.Blame("file", nil)
	require.NoError(t, fan.Fault)
	full := errors.New("full")
	fan.Blame("file", full)
	require.ErrorIs(t, fan.Fault, full)
}
