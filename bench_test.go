package sputnik_test

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"github.com/sputnik-go/sputnik"
)

// BenchmarkSend is one message from Send to OnMsg, one sender, one receiver; compare with BenchmarkChannel
// of the same run. The message is made before and reused.
func BenchmarkSend(b *testing.B) {
	n := 0
	done := make(chan struct{})
	var bc sputnik.BlockCommunicator
	stop := benchFlight(b, crew{idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) {
		if n++; n == b.N {
			close(done)
		}
	}))})
	msg := sputnik.Msg{"n": 1}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		bc.Send(msg)
	}
	<-done
	b.StopTimer()
	stop()
}

// BenchmarkChannel is the same through a raw channel of 128.
func BenchmarkChannel(b *testing.B) {
	ch := make(chan sputnik.Msg, 128)
	done := make(chan struct{})
	go func() {
		for range b.N {
			<-ch
		}
		close(done)
	}()
	msg := sputnik.Msg{"n": 1}
	b.ResetTimer()
	for range b.N {
		ch <- msg
	}
	<-done
}

// BenchmarkRequest is one request and its answer, with a copy of the message for each.
func BenchmarkRequest(b *testing.B) {
	var bc sputnik.BlockCommunicator
	answer := sputnik.Msg{"a": 1}
	stop := benchFlight(b, crew{
		idle("b", sputnik.WithOnMsg(func(m sputnik.Msg) { _ = sputnik.Reply(m, answer) })), idle("a", handle(&bc)),
	})
	peer, ok := bc.Communicator("b")
	if !ok {
		b.Fatal("no such block")
	}
	msg := sputnik.Msg{"n": 1}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := sputnik.Request(context.Background(), peer, maps.Clone(msg)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	stop()
}

// BenchmarkFlight is a whole process of 10,000 blocks: Init, Run, one message each, ordered finish.
func BenchmarkFlight(b *testing.B) {
	var c crew
	for i := range 10_000 {
		c = append(c, idle(strconv.Itoa(i), sputnik.WithOnMsg(func(sputnik.Msg) {}),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) })))
	}
	for b.Loop() {
		benchFlight(b, c)()
	}
}

// benchFlight launches, and returns what stops and waits.
func benchFlight(b testing.TB, c crew) (stop func()) {
	b.Helper()
	launched := make(chan struct{})
	last := idle("last", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		close(launched)
		return untilDone(ctx, bc)
	}))
	sp, err := sputnik.NewSputnik(append(append(c, last).options(), sputnik.WithSignals(noSignals()))...)
	if err != nil {
		b.Fatal(err)
	}
	launch, shootDown, err := sp.Prepare()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- launch() }()
	return func() {
		<-launched
		shootDown()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
