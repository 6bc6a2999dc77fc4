package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sputnik-go/sputnik"
)

// What a block that has counters is asked, and answers ([sputnik.Request], [sputnik.Reply]).
const (
	// KeyCommand: string, in the question.
	KeyCommand = "command"
	// CommandCounters is the value of KeyCommand that asks for counters.
	CommandCounters = "counters"
	// KeyCounters: map[string]uint64, in the answer, which passes to the asker; in its place each counter may be a uint64
	// under its own name.
	KeyCounters = "counters"
	// KeyError: string, in an answer to a question that was not understood.
	KeyError = "error"
)

// source is a block that is asked for its counters. It is asked once at a time, so that nothing piles up before one that
// doesn't answer.
type source struct {
	resp  string
	self  sputnik.BlockCommunicator
	asks  sync.WaitGroup
	mu    sync.Mutex
	asked chan struct{} // closed by the answer; nil: nothing is asked
	last  map[string]uint64
	at    time.Time // of last
	fault string    // of the last question
}

func newSource(self sputnik.BlockCommunicator, resp string) *source {
	return &source{resp: resp, self: self}
}

// counters asks, waits for the answer up to limit, and returns the last there is, and why it isn't a new one. life is
// how long the block may take to answer.
func (s *source) counters(life context.Context, limit time.Duration) (counts map[string]uint64, fault string) {
	s.mu.Lock()
	if s.asked == nil {
		s.asked = make(chan struct{})
		s.asks.Go(func() { s.ask(life) })
	}
	asked := s.asked
	s.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-asked:
	case <-timer.C:
		s.mu.Lock()
		if s.asked == asked { // not answered just now
			s.fault = fmt.Sprintf("no answer within %v", limit)
			if !s.at.IsZero() {
				s.fault += fmt.Sprintf("; these are from %v ago", time.Since(s.at).Round(time.Millisecond))
			}
		}
		s.mu.Unlock()
	}
	return s.known()
}

// known is the last answer, and why it isn't one to the last question; nothing is asked.
func (s *source) known() (counts map[string]uint64, fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.last), s.fault
}

func (s *source) ask(life context.Context) {
	counts, err := request(life, s.self, s.resp)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault = ""; err != nil {
		s.fault = err.Error()
	} else {
		s.last, s.at = counts, time.Now()
	}
	close(s.asked)
	s.asked = nil
}

func request(ctx context.Context, self sputnik.BlockCommunicator, resp string) (map[string]uint64, error) {
	to, ok := self.Communicator(resp)
	if !ok {
		return nil, fmt.Errorf("there is no block %q", resp)
	}
	answer, err := sputnik.Request(ctx, to, sputnik.Msg{KeyCommand: CommandCounters})
	if err != nil {
		return nil, err
	}
	return countersIn(answer)
}

func countersIn(answer sputnik.Msg) (map[string]uint64, error) {
	if text, ok := answer[KeyError].(string); ok {
		return nil, errors.New(text)
	}
	counts, ok := answer[KeyCounters].(map[string]uint64)
	if !ok {
		counts = map[string]uint64{}
		for name, value := range answer {
			if n, ok := value.(uint64); ok {
				counts[name] = n
			}
		}
	}
	if len(counts) == 0 {
		return nil, errors.New("the answer has no counters")
	}
	return counts, nil
}

// counted is what one block told.
type counted struct {
	counts map[string]uint64
	fault  string
}

// knownCounters are those that were told last. Each question is a message that a block has to handle.
func (a *admin) knownCounters() map[string]counted {
	byBlock := make(map[string]counted, len(a.asked))
	for _, s := range a.asked {
		counts, fault := s.known()
		byBlock[s.resp] = counted{counts, fault}
	}
	return byBlock
}

// counters asks all blocks that are to be asked, at the same time.
func (a *admin) counters() map[string]counted {
	answers := make([]counted, len(a.asked))
	var all sync.WaitGroup
	for i, s := range a.asked {
		all.Go(func() { answers[i].counts, answers[i].fault = s.counters(a.life, a.conf.CountersLimit) })
	}
	all.Wait()
	byBlock := make(map[string]counted, len(answers))
	for i, s := range a.asked {
		byBlock[s.resp] = answers[i]
	}
	return byBlock
}
