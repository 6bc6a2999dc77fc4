// Command protoactor is github.com/asynkron/protoactor-go.
package main

import (
	"log/slog"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/sputnik-go/sputnik/bench/workload"
)

type msg = map[string]any

type peer struct {
	root *actor.RootContext
	pids []*actor.PID
}

func main() { workload.Main("github.com/asynkron/protoactor-go", new(peer), nil) }

func (p *peer) Start(s workload.Spec[msg]) ([]workload.Out[msg], error) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	p.root = system.Root
	p.pids = make([]*actor.PID, s.Receivers)
	for i := range s.Receivers {
		r := &receiver{peer: p, answer: s.Answer}
		if s.On != nil {
			r.on = s.On(i, r)
		}
		p.pids[i] = p.root.Spawn(actor.PropsFromProducer(func() actor.Actor { return r }))
	}
	outs := make([]workload.Out[msg], s.Senders)
	for i := range outs {
		outs[i] = outside{p}
	}
	return outs, nil
}

func (p *peer) Stop() error {
	for _, pid := range slices.Backward(p.pids) {
		if err := p.root.PoisonFuture(pid).Wait(); err != nil {
			return err
		}
	}
	return nil
}

type receiver struct {
	peer   *peer
	c      actor.Context
	on     func(msg)
	answer msg
}

func (r *receiver) Receive(c actor.Context) {
	m, ok := c.Message().(msg)
	if !ok {
		return
	}
	if r.on == nil {
		c.Respond(r.answer)
		return
	}
	r.c = c
	r.on(m)
}

func (r *receiver) Send(to int, m msg) { r.c.Send(r.peer.pids[to], m) }

func (r *receiver) Flood(to int, m msg, n int) {
	for range n {
		r.Send(to, m)
	}
}

type outside struct{ *peer }

func (p outside) Send(to int, m msg) { p.root.Send(p.pids[to], m) }

func (p outside) Flood(to int, m msg, n int) {
	pid := p.pids[to]
	for range n {
		p.root.Send(pid, m)
	}
}

func (p outside) Ask(to int, m msg, n int) {
	for range n {
		answer, err := p.root.RequestFuture(p.pids[to], m, time.Minute).Result()
		if err != nil {
			panic(err)
		}
		if _, ok := answer.(msg); !ok {
			panic("another answer")
		}
	}
}
