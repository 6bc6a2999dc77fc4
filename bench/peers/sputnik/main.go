// Command sputnik is this library, through its public path only.
package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/bench/workload"
)

type peer struct {
	shootDown sputnik.ShootDown
	landed    chan error
}

func main() {
	workload.Main("github.com/sputnik-go/sputnik", new(peer), map[string]workload.Extra{"broken": broken})
}

func (p *peer) Start(s workload.Spec[sputnik.Msg]) ([]workload.Out[sputnik.Msg], error) {
	outs := make([]workload.Out[sputnik.Msg], s.Senders)
	run := returned
	if s.Waiting {
		run = waiting
	}
	receivers, senders := 0, 0
	factories := sputnik.BlockFactories{
		"receiver": func() *sputnik.Block {
			o := &out{all: s.Receivers}
			on := answer(s.Answer)
			if s.Answer == nil {
				on = s.On(receivers, o)
			}
			receivers++
			opts := []sputnik.BlockOption{sputnik.WithInit(ready), sputnik.WithRunContext(run), sputnik.WithOnMsg(on)}
			if !s.Waiting && s.Receivers <= few {
				opts = append(opts, sputnik.WithAttach(o.attach))
			}
			return sputnik.NewBlock(opts...)
		},
		"sender": func() *sputnik.Block {
			o := &out{all: s.Receivers}
			outs[senders] = o
			senders++
			return sputnik.NewBlock(sputnik.WithInit(ready), sputnik.WithRunContext(waiting), sputnik.WithAttach(o.attach))
		},
	}
	var blocks []sputnik.BlockDescriptor
	for i := range s.Receivers {
		blocks = append(blocks, sputnik.BlockDescriptor{Name: "receiver", Responsibility: strconv.Itoa(i)})
	}
	for i := range s.Senders {
		blocks = append(blocks, sputnik.BlockDescriptor{Name: "sender", Responsibility: "sender " + strconv.Itoa(i)})
	}
	return outs, p.launch(blocks, factories)
}

// few is how many receivers send themselves: the others need no handle on anybody.
const few = 1000

func ready(sputnik.ConfFactory) error                                { return nil }
func returned(context.Context, sputnik.BlockCommunicator) error      { return nil }
func waiting(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }
func noConf(string, any) error                                       { return nil }

func answer(with sputnik.Msg) func(sputnik.Msg) {
	return func(m sputnik.Msg) {
		if sputnik.Reply(m, with) != nil {
			panic("the asker is gone")
		}
	}
}

// launch returns when every Run was started.
func (p *peer) launch(blocks []sputnik.BlockDescriptor, factories sputnik.BlockFactories, more ...sputnik.SputnikOption) error {
	launched := make(chan struct{})
	p.landed = make(chan error, 1)
	factories["last"] = func() *sputnik.Block {
		return sputnik.NewBlock(sputnik.WithInit(ready),
			sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				close(launched)
				return waiting(ctx, bc)
			}))
	}
	sp, err := sputnik.NewSputnik(append(more,
		sputnik.WithConfFactory(noConf), sputnik.WithFinishTimeout(time.Hour),
		sputnik.WithSignals(make(chan os.Signal)), sputnik.WithBlockFactories(factories),
		sputnik.WithAppBlocks(append(blocks, sputnik.BlockDescriptor{Name: "last", Responsibility: "last"})))...)
	if err != nil {
		return err
	}
	launch, shootDown, err := sp.Prepare()
	if err != nil {
		return err
	}
	p.shootDown = shootDown
	go func() { p.landed <- launch() }()
	<-launched
	return nil
}

func (p *peer) Stop() error {
	p.shootDown()
	return <-p.landed
}

// out is a block's way to others; it looks each up once.
type out struct {
	self sputnik.BlockCommunicator
	all  int
	to   []sputnik.BlockCommunicator
}

func (o *out) attach(bc sputnik.BlockCommunicator) { o.self = bc }

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

// Ask copies the message: a request leaves a key in its own.
func (o *out) Ask(to int, m sputnik.Msg, n int) {
	bc := o.handle(to)
	for range n {
		if _, err := sputnik.Request(context.Background(), bc, workload.Copy(m)); err != nil {
			panic(err)
		}
	}
}

// broken is the time from a plug-in's word that its connection broke until the last of 1,000 blocks is told.
func broken(budget time.Duration) (map[string]float64, error) {
	const n = 1000
	connected, told := make(chan struct{}, n), make(chan struct{}, n)
	factories := sputnik.BlockFactories{"listener": func() *sputnik.Block {
		return sputnik.NewBlock(sputnik.WithInit(ready), sputnik.WithRunContext(returned),
			sputnik.WithOnConnect(func(sputnik.ServerConnection) { connected <- struct{}{} }),
			sputnik.WithOnDisconnect(func() { told <- struct{}{} }))
	}}
	var blocks []sputnik.BlockDescriptor
	for i := range n {
		blocks = append(blocks, sputnik.BlockDescriptor{Name: "listener", Responsibility: strconv.Itoa(i)})
	}
	s := &server{broken: make(chan error)}
	var p peer
	if err := p.launch(blocks, factories, sputnik.WithConnector(s, time.Millisecond)); err != nil {
		return nil, err
	}
	all := func(ch chan struct{}) {
		for range n {
			<-ch
		}
	}
	var took time.Duration
	rounds := 0
	for ; took < budget || rounds < 3; rounds++ {
		all(connected)
		<-time.After(2 * time.Millisecond) // a connection that stood for its interval is made anew at once
		began := time.Now()
		s.broken <- errors.New("broken")
		all(told)
		took += time.Since(began)
	}
	all(connected)
	return map[string]float64{workload.BrokenTime: float64(took) / float64(rounds) / n}, p.Stop()
}

// server is a plug-in that breaks when told so.
type server struct{ broken chan error }

func (*server) Connect(sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return "connection", nil
}
func (*server) IsConnected() bool      { return true }
func (*server) Disconnect()            {}
func (s *server) Broken() <-chan error { return s.broken }
