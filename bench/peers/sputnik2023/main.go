// Command sputnik2023 is the first sputnik.
package main

import (
	"strconv"

	"github.com/g41797/sputnik"

	"github.com/sputnik-go/sputnik/bench/workload"
)

// peer stops all receivers at once: this sputnik has no order.
type peer struct {
	shootDown sputnik.ShootDown
	landed    chan error
	stopping  chan struct{}
}

func main() { workload.Main("github.com/g41797/sputnik", new(peer), nil) }

func (p *peer) Start(s workload.Spec[sputnik.Msg]) ([]workload.Out[sputnik.Msg], error) {
	p.stopping, p.landed = make(chan struct{}), make(chan error, 1)
	launched := make(chan struct{})
	self := make(chan sputnik.BlockCommunicator, 1)
	returned := func(sputnik.BlockCommunicator) {}
	receivers := make([]*out, 0, s.Receivers)
	factories := sputnik.BlockFactories{
		// Its own finisher panics when the stop comes before its Run.
		"finisher": func() *sputnik.Block { return block(returned, nil) },
		"receiver": func() *sputnik.Block {
			o := &out{all: s.Receivers}
			on := answer(s.Answer)
			if s.Answer == nil {
				on = s.On(len(receivers), o)
			}
			receivers = append(receivers, o)
			if s.Waiting {
				return block(func(sputnik.BlockCommunicator) { <-p.stopping }, on)
			}
			return block(returned, on)
		},
		"last": func() *sputnik.Block {
			return block(func(bc sputnik.BlockCommunicator) { self <- bc; close(launched) }, nil)
		},
	}
	var blocks []sputnik.BlockDescriptor
	for i := range s.Receivers {
		blocks = append(blocks, sputnik.BlockDescriptor{Name: "receiver", Responsibility: strconv.Itoa(i)})
	}
	sp, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(func(string, any) error { return nil }),
		sputnik.WithBlockFactories(factories),
		sputnik.WithFinisher(sputnik.BlockDescriptor{Name: "finisher", Responsibility: "finisher"}),
		sputnik.WithAppBlocks(append(blocks, sputnik.BlockDescriptor{Name: "last", Responsibility: "last"})))
	if err != nil {
		return nil, err
	}
	launch, shootDown, err := sp.Prepare()
	if err != nil {
		return nil, err
	}
	p.shootDown = shootDown
	go func() { p.landed <- launch() }()
	<-launched
	// Any communicator finds all others.
	bc := <-self
	for _, o := range receivers {
		o.self = bc
	}
	outs := make([]workload.Out[sputnik.Msg], s.Senders)
	for i := range outs {
		outs[i] = &out{self: bc, all: s.Receivers}
	}
	return outs, nil
}

func block(run sputnik.Run, on sputnik.OnMsg) *sputnik.Block {
	opts := []sputnik.BlockOption{
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithRun(run), sputnik.WithFinish(func(bool) {}),
	}
	if on != nil {
		opts = append(opts, sputnik.WithOnMsg(on))
	}
	return sputnik.NewBlock(opts...)
}

// replyTo carries the asker's channel: this sputnik has no requests.
const replyTo = "reply to"

func answer(with sputnik.Msg) func(sputnik.Msg) {
	return func(m sputnik.Msg) {
		if asker, ok := m[replyTo].(chan sputnik.Msg); ok {
			asker <- with
		}
	}
}

func (p *peer) Stop() error {
	close(p.stopping)
	p.shootDown()
	return <-p.landed
}

type out struct {
	self sputnik.BlockCommunicator
	all  int
	to   []sputnik.BlockCommunicator
}

func (o *out) handle(to int) sputnik.BlockCommunicator {
	if o.to == nil {
		o.to = make([]sputnik.BlockCommunicator, o.all)
	}
	if o.to[to] == nil {
		bc, ok := o.self.Communicator(strconv.Itoa(to))
		if !ok {
			panic("no such block")
		}
		o.to[to] = bc
	}
	return o.to[to]
}

func (o *out) Send(to int, m sputnik.Msg) { o.handle(to).Send(m) }

func (o *out) Flood(to int, m sputnik.Msg, n int) {
	bc := o.handle(to)
	for range n {
		bc.Send(m)
	}
}

func (o *out) Ask(to int, m sputnik.Msg, n int) {
	bc, answers := o.handle(to), make(chan sputnik.Msg, 1)
	m[replyTo] = answers
	for range n {
		bc.Send(m)
		<-answers
	}
}
