package sputniktest

import (
	"maps"
	"sync"

	"github.com/sputnik-go/sputnik"
)

// backlog is how many messages wait for the block when the stop comes, at least.
const backlog = 500

// feed sends valid messages, n at least if there are any, by the given handle.
func (s *scene) feed(n int, send func(sputnik.Msg) bool) {
	for sent := 0; s.samples != nil && sent < n; {
		msgs := s.samples()
		if len(msgs) == 0 {
			return
		}
		for _, msg := range msgs {
			send(msg)
			sent++
		}
	}
}

// tell sends to the subject. It is false, too, where the subject is gone.
func (p *process) tell(msg sputnik.Msg) bool {
	to, ok := p.probe.Communicator(subject)
	return ok && to.Send(msg)
}

func checkEarlyMessages(s *scene) {
	s.fly(leg{prepared: func(p *process) { s.feed(10, p.tell) }})
}

// checkMessages sends from several goroutines, in both states of the connection.
func checkMessages(s *scene) {
	s.fly(leg{flown: func(f *flown) {
		s.crowd(f)
		f.server.Break()
		s.crowd(f)
		f.disconnected(1)
		f.connected(2)
		s.crowd(f)
		f.settle()
	}})
}

func (s *scene) crowd(f *flown) {
	const senders, each = 4, 10
	var all sync.WaitGroup
	var gen sync.Mutex // samples are made by one goroutine at a time
	for range senders {
		all.Go(func() {
			var msgs []sputnik.Msg
			gen.Lock()
			s.feed(each, func(msg sputnik.Msg) bool { msgs = append(msgs, msg); return true })
			gen.Unlock()
			for _, msg := range msgs {
				f.tell(msg)
			}
		})
	}
	all.Wait()
}

func checkMessagesWithoutServer(s *scene) {
	s.fly(leg{refused: true, flown: func(f *flown) {
		s.crowd(f)
		f.settle()
	}})
}

// checkLateMessages lets tail, which finishes before the subject, and head, which does so after it, send then.
func checkLateMessages(s *scene) {
	atFinish := func() []sputnik.BlockOption {
		var own sputnik.BlockCommunicator
		return []sputnik.BlockOption{
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc }),
			sputnik.WithFinish(func(bool) {
				if to, ok := own.Communicator(subject); ok {
					s.feed(10, to.Send)
				}
			}),
		}
	}
	s.fly(leg{head: atFinish(), tail: atFinish()})
}

// checkOddMessages sends what no block has asked for, and each valid message with one value that is missing, nil or of a
// type that nobody else has.
func checkOddMessages(s *scene) {
	type alien struct{}
	s.fly(leg{flown: func(f *flown) {
		f.tell(nil) // is refused
		for _, msg := range []sputnik.Msg{{}, {"": nil}, {"": ""}, {"an unknown key": alien{}}, {"a nil value": nil}, {"\x00": 1}} {
			f.tell(msg)
		}
		f.settle()
		if s.samples == nil {
			return
		}
		for _, msg := range s.samples() {
			for key := range msg {
				for _, value := range []any{nil, alien{}, new(alien)} {
					odd := maps.Clone(msg)
					odd[key] = value
					f.tell(odd)
				}
				without := maps.Clone(msg)
				delete(without, key)
				f.tell(without)
			}
			more := maps.Clone(msg)
			more["an unknown key"] = alien{}
			f.tell(more)
		}
	}})
}

func checkBacklog(s *scene) {
	s.fly(leg{flown: func(f *flown) { s.feed(backlog, f.tell) }})
}
