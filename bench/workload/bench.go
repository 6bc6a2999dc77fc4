package workload

import (
	"errors"
	"maps"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// The metrics. Times are in ns unless the name says otherwise.
const (
	Time        = "ns"          // for a message, a hop, or a request
	Allocs      = "allocs"      // for each of them
	CopyAllocs  = "copy-allocs" // of a copy of the request
	WorstSend   = "worst-send"  // of a million
	PeakBytes   = "peak-bytes"  // for a message
	KeptBytes   = "kept-bytes"  // when all is handled
	IdleBytes   = "idle-bytes"  // resident, for a component
	StartTime   = "start"       // for a component
	StopTime    = "stop"        // for a component
	FlightTime  = "flight"      // start, a message to each, stop
	BrokenTime  = "told"        // for a component
	ringSize    = 100           // components
	fanOut      = 1000          // components
	burstSize   = 1_000_000     // messages
	window      = 16            // batches that a steady sender is ahead at most
	batch       = 64            // messages
	largestLoop = 500_000       // messages on the way at most, where nothing holds the sender
	sampleEvery = 1 << 12       // messages
	heapObjects = "/memory/classes/heap/objects:bytes"
	settleTime  = time.Millisecond * 20
)

type bench[M ~map[string]any] struct {
	peer   Peer[M]
	budget time.Duration
	values map[string]float64
}

func (b *bench[M]) workloads() map[string]func() error {
	return map[string]func() error{
		"tell-1":        func() error { return b.tell(1) },
		"tell-2":        func() error { return b.tell(2) },
		"tell-4":        func() error { return b.tell(4) },
		"tell-8":        func() error { return b.tell(8) },
		"steady":        b.steady,
		"fresh":         b.fresh,
		"ping-pong":     func() error { return b.ring(2) },
		"ring":          func() error { return b.ring(ringSize) },
		"fan-out":       b.fanOut,
		"request":       b.request,
		"burst":         b.burst,
		"idle":          func() error { return b.idle(100_000, false) },
		"idle-small":    func() error { return b.idle(20_000, false) },
		"waiting":       func() error { return b.idle(100_000, true) },
		"waiting-small": func() error { return b.idle(20_000, true) },
		"flight-10000":  func() error { return b.flight(10_000) },
		"flight-100000": func() error { return b.flight(100_000) },
	}
}

// measure repeats run, with a number of operations that suits the budget, and returns the ns of one.
func (b *bench[M]) measure(least, most int, run func(n int)) float64 {
	timed := func(n int) time.Duration {
		began := time.Now()
		run(n)
		return time.Since(began)
	}
	n := least
	for timed(n) < b.budget/10 && n < most {
		n = min(4*n, most)
	}
	runtime.GC()
	var took time.Duration
	ops := 0
	for took < b.budget {
		took += timed(n)
		ops += n
	}
	return float64(took) / float64(ops)
}

// counter is a receiver's: it tells when so many messages came.
type counter struct {
	got, want int
	done      chan struct{}
}

func (c *counter) one() {
	if c.got++; c.got == c.want {
		c.done <- struct{}{}
	}
}

// expect is called before the first one is sent.
func (c *counter) expect(n int) { c.got, c.want = 0, n }

func message[M ~map[string]any]() M { return M{"n": 1} }

// tell is several senders to one receiver, each with a message made before and reused.
func (b *bench[M]) tell(senders int) error {
	c := counter{done: make(chan struct{})}
	outs, err := b.peer.Start(Spec[M]{
		Receivers: 1, Senders: senders,
		On: func(int, Out[M]) func(M) { return func(M) { c.one() } },
	})
	if err != nil {
		return err
	}
	msgs := make([]M, senders)
	for i := range msgs {
		msgs[i] = message[M]()
	}
	b.values[Time] = b.measure(1000*senders, largestLoop/senders*senders, func(n int) {
		c.expect(n)
		for i := 1; i < senders; i++ {
			go outs[i].Flood(0, msgs[i], n/senders)
		}
		outs[0].Flood(0, msgs[0], n/senders)
		<-c.done
	})
	return b.peer.Stop()
}

// steady is one sender that is never far ahead of its receiver.
func (b *bench[M]) steady() error {
	m := message[M]()
	return b.paced(func(out Out[M]) { out.Flood(0, m, batch) })
}

// fresh is the same, with a new message of three keys each time.
func (b *bench[M]) fresh() error {
	return b.paced(func(out Out[M]) {
		for i := range batch {
			out.Send(0, M{"command": "put", "id": i, "text": "hello"})
		}
	})
}

func (b *bench[M]) paced(sendBatch func(Out[M])) error {
	got := 0
	credit := make(chan struct{}, window)
	outs, err := b.peer.Start(Spec[M]{
		Receivers: 1, Senders: 1,
		On: func(int, Out[M]) func(M) {
			return func(M) {
				if got++; got%batch == 0 {
					credit <- struct{}{}
				}
			}
		},
	})
	if err != nil {
		return err
	}
	for range window {
		credit <- struct{}{}
	}
	run := func(n int) {
		for range n / batch {
			<-credit
			sendBatch(outs[0])
		}
	}
	b.values[Time] = b.measure(batch*window, largestLoop/batch*batch, run)
	b.values[Allocs] = allocs(batch*window*100, run)
	for range window {
		<-credit
	}
	return b.peer.Stop()
}

// allocs counts those of one operation.
func allocs(n int, run func(n int)) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// ring is one message that goes round; with two components it is ping-pong, measured one way.
func (b *bench[M]) ring(size int) error {
	left := 0
	done := make(chan struct{})
	outs, err := b.peer.Start(Spec[M]{
		Receivers: size, Senders: 1,
		On: func(i int, out Out[M]) func(M) {
			next := (i + 1) % size
			return func(m M) {
				if left--; left <= 0 {
					done <- struct{}{}
					return
				}
				out.Send(next, m)
			}
		},
	})
	if err != nil {
		return err
	}
	m := message[M]()
	b.values[Time] = b.measure(size, largestLoop, func(n int) {
		left = n
		outs[0].Send(0, m)
		<-done
	})
	return b.peer.Stop()
}

// fanOut is rounds of one message to each of many that wait.
func (b *bench[M]) fanOut() error {
	var left atomic.Int32
	done := make(chan struct{})
	outs, err := b.peer.Start(Spec[M]{
		Receivers: fanOut, Senders: 1,
		On: func(int, Out[M]) func(M) {
			return func(M) {
				if left.Add(-1) == 0 {
					done <- struct{}{}
				}
			}
		},
	})
	if err != nil {
		return err
	}
	m := message[M]()
	b.values[Time] = b.measure(fanOut, largestLoop, func(n int) {
		for range n / fanOut {
			left.Store(fanOut)
			for i := range fanOut {
				outs[0].Send(i, m)
			}
			<-done
		}
	})
	return b.peer.Stop()
}

// request is one asker and one that answers at once, with an answer made before.
func (b *bench[M]) request() error {
	outs, err := b.peer.Start(Spec[M]{Receivers: 1, Senders: 1, Answer: message[M]()})
	if err != nil {
		return err
	}
	asker, ok := outs[0].(Asker[M])
	if !ok {
		return errors.Join(errors.ErrUnsupported, b.peer.Stop())
	}
	m := message[M]()
	run := func(n int) { asker.Ask(0, m, n) }
	b.values[Time] = b.measure(1, largestLoop, run)
	b.values[Allocs] = allocs(1000, run)
	b.values[CopyAllocs] = allocs(1000, func(n int) {
		for range n {
			runtime.KeepAlive(Copy(m))
		}
	})
	return b.peer.Stop()
}

// Copy is what an asker does that may not reuse its message.
//
//go:noinline // else the copy that is counted would be on the stack
func Copy[M ~map[string]any](m M) M {
	other := make(M, len(m)+1)
	maps.Copy(other, m)
	return other
}

// burst is a million messages to a receiver that stands still meanwhile.
func (b *bench[M]) burst() error {
	c := counter{done: make(chan struct{})}
	gate := make(chan struct{})
	outs, err := b.peer.Start(Spec[M]{
		Receivers: 1, Senders: 1, Unbounded: true,
		On: func(int, Out[M]) func(M) {
			return func(M) {
				if c.got == 0 {
					<-gate
				}
				c.one()
			}
		},
	})
	if err != nil {
		return err
	}
	out, m := outs[0], message[M]()
	c.expect(batch)
	go out.Flood(0, m, batch)
	gate <- struct{}{}
	<-c.done

	before := live()
	var worst time.Duration
	peak := before
	c.expect(burstSize)
	began := time.Now()
	for i := range burstSize {
		out.Send(0, m)
		now := time.Now()
		worst = max(worst, now.Sub(began))
		began = now
		if i%sampleEvery == 0 {
			peak = max(peak, objects())
			began = time.Now()
		}
	}
	peak = max(peak, objects())
	gate <- struct{}{}
	<-c.done
	b.values[WorstSend] = float64(worst)
	b.values[PeakBytes] = float64(peak-before) / burstSize
	b.values[KeptBytes] = max(0, float64(live())-float64(before))
	return b.peer.Stop()
}

func objects() uint64 {
	s := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// live is what is in use when the garbage is gone.
func live() uint64 {
	pause(settleTime) // who has handled the last message may still be tidying up
	runtime.GC()
	runtime.GC() // pools keep theirs for one cycle
	return objects()
}

func pause(d time.Duration) { <-time.After(d) }

// idle is what components cost that have nothing to do.
func (b *bench[M]) idle(n int, waiting bool) error {
	before := settled()
	if _, err := b.peer.Start(Spec[M]{
		Receivers: n, Senders: 1, Waiting: waiting,
		On: func(int, Out[M]) func(M) { return func(M) {} },
	}); err != nil {
		return err
	}
	b.values[IdleBytes] = math.Max(0, settled()-before) / float64(n)
	return b.peer.Stop()
}

func settled() float64 {
	pause(settleTime)
	runtime.GC()
	debug.FreeOSMemory()
	return resident()
}

// flight is a whole process: up, one message to each, down in order.
func (b *bench[M]) flight(n int) error {
	var left sync.WaitGroup
	left.Add(n)
	began := time.Now()
	outs, err := b.peer.Start(Spec[M]{
		Receivers: n, Senders: 1, Waiting: true,
		On: func(int, Out[M]) func(M) { return func(M) { left.Done() } },
	})
	if err != nil {
		return err
	}
	started := time.Now()
	m := message[M]()
	for i := range n {
		outs[0].Send(i, m)
	}
	left.Wait()
	handled := time.Now()
	err = b.peer.Stop()
	b.values[StartTime] = float64(started.Sub(began)) / float64(n)
	b.values[StopTime] = float64(time.Since(handled)) / float64(n)
	b.values[FlightTime] = float64(time.Since(began))
	return err
}
