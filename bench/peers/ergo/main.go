// Command ergo is ergo.services/ergo.
package main

import (
	"errors"
	"slices"

	"ergo.services/ergo"
	"ergo.services/ergo/act"
	"ergo.services/ergo/gen"

	"github.com/sputnik-go/sputnik/bench/workload"
)

type msg = map[string]any

type peer struct {
	node  gen.Node
	pids  []gen.PID
	ended []chan struct{}
}

func main() { workload.Main("ergo.services/ergo", new(peer), nil) }

func (p *peer) Start(s workload.Spec[msg]) ([]workload.Out[msg], error) {
	var options gen.NodeOptions
	options.Network.Mode = gen.NetworkModeDisabled
	options.Log.DefaultLogger.Disable = true
	node, err := ergo.StartNode("bench@localhost", options)
	if err != nil {
		return nil, err
	}
	p.node = node
	p.pids = make([]gen.PID, s.Receivers)
	for i := range s.Receivers {
		r := &process{peer: p, answer: s.Answer, ended: make(chan struct{})}
		if s.On != nil {
			r.on = s.On(i, r)
		}
		p.ended = append(p.ended, r.ended)
		if p.pids[i], err = p.spawn(r); err != nil {
			return nil, err
		}
	}
	outs := make([]workload.Out[msg], s.Senders)
	for i := range outs {
		o := outside{peer: p}
		if s.Answer != nil { // only a process can ask
			if o.asker, err = p.spawn(&process{peer: p, ended: make(chan struct{})}); err != nil {
				return nil, err
			}
		}
		outs[i] = o
	}
	return outs, nil
}

func (p *peer) spawn(r *process) (gen.PID, error) {
	return p.node.Spawn(func() gen.ProcessBehavior { return r }, gen.ProcessOptions{})
}

func (p *peer) Stop() error {
	for i, pid := range slices.Backward(p.pids) {
		if err := p.node.SendExit(pid, gen.TerminateReasonShutdown); err != nil {
			return err
		}
		<-p.ended[i]
	}
	return nil
}

type process struct {
	act.Actor
	peer   *peer
	on     func(msg)
	answer msg
	ended  chan struct{}
}

// question has a process ask.
type question struct {
	to   gen.PID
	m    msg
	n    int
	done chan error
}

func (r *process) HandleMessage(_ gen.PID, message any) error { //nolint:unparam // what the library calls
	switch m := message.(type) {
	case msg:
		r.on(m)
	case question:
		m.done <- r.ask(m)
	}
	return nil
}

func (r *process) ask(q question) error {
	for range q.n {
		answer, err := r.Call(q.to, q.m)
		if err != nil {
			return err
		}
		if _, ok := answer.(msg); !ok {
			return errors.New("another answer")
		}
	}
	return nil
}

func (r *process) HandleCall(gen.PID, gen.Ref, any) (any, error) { //nolint:unparam // likewise
	return r.answer, nil
}
func (r *process) Terminate(error) { close(r.ended) }

// Send shadows the process's own: a peer's receivers are known by number.
func (r *process) Send(to int, m msg) {
	if err := r.Actor.Send(r.peer.pids[to], m); err != nil {
		panic(err)
	}
}

func (r *process) Flood(to int, m msg, n int) {
	for range n {
		r.Send(to, m)
	}
}

type outside struct {
	*peer
	asker gen.PID
}

func (p outside) Send(to int, m msg) {
	if err := p.node.Send(p.pids[to], m); err != nil {
		panic(err)
	}
}

func (p outside) Flood(to int, m msg, n int) {
	for range n {
		p.Send(to, m)
	}
}

func (p outside) Ask(to int, m msg, n int) {
	q := question{p.pids[to], m, n, make(chan error)}
	if err := p.node.Send(p.asker, q); err != nil {
		panic(err)
	}
	if err := <-q.done; err != nil {
		panic(err)
	}
}
