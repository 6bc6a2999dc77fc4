package httpin

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sputnik-go/sputnik"
)

// slowSink tells when it is sent to, and takes the test's word for whether it accepts.
type slowSink struct {
	sputnik.BlockCommunicator
	entered chan sputnik.Msg
	accept  chan bool
}

func (s *slowSink) Send(msg sputnik.Msg) bool {
	s.entered <- msg
	return <-s.accept
}

// Communicator finds it under each name.
func (s *slowSink) Communicator(string) (sputnik.BlockCommunicator, bool) { return s, true }

func numbered(n int) *batch {
	var messages []sputnik.Msg
	for i := range n {
		messages = append(messages, sputnik.Msg{"n": i})
	}
	return newBatch(messages)
}

// A request can turn away while a message of it is in Send. That one is in doubt, those behind it are not sent.
func TestPumpStopsForAClientThatLeaves(t *testing.T) {
	sink := &slowSink{entered: make(chan sputnik.Msg), accept: make(chan bool)}
	p := newPump(10)
	pumped := make(chan struct{})
	go func() { defer close(pumped); p.run(sink, "sink") }()

	client, leaves := context.WithCancel(t.Context())
	b, verdicts := numbered(3), make(chan verdict)
	go func() { verdicts <- p.hand(client, b, patience) }()
	<-sink.entered
	sink.accept <- true
	<-sink.entered

	next := numbered(1)
	last := numbered(1)
	impatient, leavesToo := context.WithCancel(t.Context())
	leavesToo()
	assert.Equal(t, gone, p.hand(impatient, next, patience), "it waits for its turn")
	accepted, inDoubt := next.leave()
	assert.Zero(t, accepted)
	assert.False(t, inDoubt)

	leaves()
	assert.Equal(t, gone, <-verdicts)
	accepted, inDoubt = b.leave()
	assert.Equal(t, 1, accepted)
	assert.True(t, inDoubt)
	sink.accept <- true

	go func() { verdicts <- p.hand(t.Context(), last, patience) }()
	assert.Equal(t, sputnik.Msg{"n": 0}, <-sink.entered, "neither the third message of the first batch nor the second batch is sent")
	sink.accept <- false
	assert.Equal(t, notTaken, <-verdicts)
	close(p.quit)
	<-pumped
}
