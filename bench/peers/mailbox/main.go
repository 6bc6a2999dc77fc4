// Command mailbox is sputnik's queue by itself: without blocks, names, requests, guards and a life cycle.
package main

import (
	"slices"

	"github.com/sputnik-go/sputnik/bench/workload"
	"github.com/sputnik-go/sputnik/internal/mailbox"
)

type peer struct{ boxes []*mailbox.Box }

func main() {
	workload.Main("github.com/sputnik-go/sputnik", new(peer), nil)
}

func (p *peer) Start(s workload.Spec[mailbox.Msg]) ([]workload.Out[mailbox.Msg], error) {
	for i := range s.Receivers {
		on := func(mailbox.Msg) {}
		if s.On != nil {
			on = s.On(i, p)
		}
		box := new(mailbox.Box)
		box.Init(0, 0, false, func() {
			for m, more := box.Next(); more; m, more = box.Next() {
				on(m)
				box.Handled()
			}
		}, nil)
		box.Open()
		p.boxes = append(p.boxes, box)
	}
	outs := make([]workload.Out[mailbox.Msg], s.Senders)
	for i := range outs {
		outs[i] = p
	}
	return outs, nil
}

func (p *peer) Stop() error {
	for _, box := range slices.Backward(p.boxes) {
		<-box.Close()
	}
	return nil
}

func (p *peer) Send(to int, m mailbox.Msg) { p.boxes[to].Send(m) }

func (p *peer) Flood(to int, m mailbox.Msg, n int) {
	box := p.boxes[to]
	for range n {
		box.Send(m)
	}
}
