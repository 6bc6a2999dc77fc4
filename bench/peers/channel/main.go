// Command channel is the language's own: one goroutine and one channel for each receiver.
package main

import (
	"context"
	"errors"
	"flag"
	"slices"

	"github.com/sputnik-go/sputnik/bench/workload"
)

type msg = map[string]any

type peer struct {
	buffer    *int
	selecting *bool
	ctx       context.Context
	cancel    context.CancelFunc
	boxes     []chan msg
	ended     []chan struct{}
	answers   chan msg
}

func main() {
	workload.Main("", &peer{
		buffer:    flag.Int("buffer", 1, "of each channel"),
		selecting: flag.Bool("select", false, "select on a context with each send and receive"),
	}, nil)
}

func (p *peer) Start(s workload.Spec[msg]) ([]workload.Out[msg], error) {
	if s.Unbounded {
		return nil, errors.ErrUnsupported
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.answers = make(chan msg, 1)
	for range s.Receivers {
		p.boxes = append(p.boxes, make(chan msg, *p.buffer))
		p.ended = append(p.ended, make(chan struct{}))
	}
	for i := range s.Receivers {
		on := func(msg) { p.answers <- s.Answer }
		if s.Answer == nil {
			on = s.On(i, p.out())
		}
		go p.serve(p.boxes[i], p.ended[i], on)
	}
	outs := make([]workload.Out[msg], s.Senders)
	for i := range outs {
		outs[i] = p.out()
	}
	return outs, nil
}

func (p *peer) serve(box chan msg, ended chan struct{}, on func(msg)) {
	defer close(ended)
	if !*p.selecting {
		for m := range box {
			on(m)
		}
		return
	}
	for {
		select {
		case m, ok := <-box:
			if !ok {
				return
			}
			on(m)
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *peer) Stop() error {
	for i, box := range slices.Backward(p.boxes) {
		close(box)
		<-p.ended[i]
	}
	p.cancel()
	return nil
}

func (p *peer) out() workload.Out[msg] {
	if *p.selecting {
		return selecting{p}
	}
	return plain{p}
}

type plain struct{ *peer }

func (p plain) Send(to int, m msg) { p.boxes[to] <- m }

func (p plain) Flood(to int, m msg, n int) {
	box := p.boxes[to]
	for range n {
		box <- m
	}
}

func (p plain) Ask(to int, m msg, n int) {
	for range n {
		p.boxes[to] <- m
		<-p.answers
	}
}

type selecting struct{ *peer }

func (p selecting) Send(to int, m msg) {
	select {
	case p.boxes[to] <- m:
	case <-p.ctx.Done():
	}
}

func (p selecting) Flood(to int, m msg, n int) {
	for range n {
		p.Send(to, m)
	}
}

func (p selecting) Ask(to int, m msg, n int) {
	for range n {
		p.Send(to, m)
		select {
		case <-p.answers:
		case <-p.ctx.Done():
		}
	}
}
