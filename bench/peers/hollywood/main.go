// Command hollywood is github.com/anthdm/hollywood.
package main

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/anthdm/hollywood/actor"

	"github.com/sputnik-go/sputnik/bench/workload"
)

type msg = map[string]any

type peer struct {
	engine *actor.Engine
	pids   []*actor.PID
}

func main() { workload.Main("github.com/anthdm/hollywood", new(peer), nil) }

func (p *peer) Start(s workload.Spec[msg]) ([]workload.Out[msg], error) {
	engine, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return nil, err
	}
	p.engine = engine
	var started sync.WaitGroup
	started.Add(s.Receivers)
	p.pids = make([]*actor.PID, s.Receivers)
	for i := range s.Receivers {
		r := &receiver{peer: p, started: &started, answer: s.Answer}
		if s.On != nil {
			r.on = s.On(i, r)
		}
		p.pids[i] = engine.Spawn(func() actor.Receiver { return r }, "receiver", actor.WithID(strconv.Itoa(i)))
	}
	started.Wait()
	outs := make([]workload.Out[msg], s.Senders)
	for i := range outs {
		outs[i] = outside{p}
	}
	return outs, nil
}

func (p *peer) Stop() error {
	for _, pid := range slices.Backward(p.pids) {
		<-p.engine.Poison(pid).Done()
	}
	return nil
}

type receiver struct {
	peer    *peer
	c       *actor.Context
	started *sync.WaitGroup
	on      func(msg)
	answer  msg
}

func (r *receiver) Receive(c *actor.Context) {
	switch m := c.Message().(type) {
	case msg:
		if r.on == nil {
			c.Respond(r.answer)
			return
		}
		r.on(m)
	case actor.Started:
		r.c = c
		r.started.Done()
	}
}

func (r *receiver) Send(to int, m msg) { r.c.Send(r.peer.pids[to], m) }

func (r *receiver) Flood(to int, m msg, n int) {
	for range n {
		r.Send(to, m)
	}
}

type outside struct{ *peer }

func (p outside) Send(to int, m msg) { p.engine.Send(p.pids[to], m) }

func (p outside) Flood(to int, m msg, n int) {
	pid := p.pids[to]
	for range n {
		p.engine.Send(pid, m)
	}
}

func (p outside) Ask(to int, m msg, n int) {
	for range n {
		answer, err := p.engine.Request(p.pids[to], m, time.Minute).Result()
		if err != nil {
			panic(err)
		}
		if _, ok := answer.(msg); !ok {
			panic("another answer")
		}
	}
}
