package sputnik_test

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// spare registers, beside those of c, the factories of blocks that aren't listed.
func spare(c crew, more ...member) sputnik.SputnikOption {
	factories := sputnik.BlockFactories{}
	for _, m := range append(append(crew{}, c...), more...) {
		factories[m.resp] = m.make
	}
	return sputnik.WithBlockFactories(factories)
}

// add adds a block that has to come.
func add(t *testing.T, bc sputnik.BlockCommunicator, resp string) {
	t.Helper()
	require.NoError(t, sputnik.AddBlock(t.Context(), bc, descriptor(resp)))
}

func TestAnAddedBlockLivesAsTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc, late sputnik.BlockCommunicator
		c := crew{logging(&j, "a", handle(&bc))}
		unseen := func() {
			_, ok := bc.Communicator("late")
			assert.False(t, ok, "not before its Run has started")
		}
		f := takeOff(t, c, sputnik.WithConnector(&plugIn{j: &j}, time.Second), spare(c, logging(&j, "late",
			sputnik.WithInit(func(cf sputnik.ConfFactory) error {
				j.add("init late")
				unseen()
				assert.True(t, statusOf(bc).Ready, "nobody need notice")
				assert.ErrorIs(t, cf("late", new(struct{})), fs.ErrNotExist)
				return nil
			}),
			sputnik.WithAttach(func(own sputnik.BlockCommunicator) {
				late = own
				unseen()
				j.add("attach late")
				assert.True(t, own.Send(sputnik.Msg{"n": 1}))
				assert.Equal(t, descriptor("a"), to(t, own, "a").Descriptor())
			}),
			sputnik.WithOnMsg(func(m sputnik.Msg) {
				assert.Equal(t, sputnik.StateRunning, statusOf(bc).Blocks[3].State)
				j.add("late got %v", m["n"])
			}),
			sputnik.WithOnConnect(func(c any) { j.add("late up %v", c) }),
		)))
		time.Sleep(time.Minute)
		add(t, bc, "late")
		assert.Equal(t, descriptor("late"), to(t, bc, "late").Descriptor())
		assert.True(t, to(t, bc, "late").Send(sputnik.Msg{"n": 2}))
		assert.Equal(t, descriptor("late"), to(t, late, "late").Descriptor())
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"init a", "init late", "attach late"}, j.with("init", "attach"))
		assert.ElementsMatch(t, []string{"run late", "late got 1", "late got 2", "late up 1"}, j.with("run late", "late"))
		assert.Equal(t, []string{"late got 1", "late got 2"}, j.with("late got"))
		s := f.sp.Status()
		assert.True(t, s.Ready, s.Reason)
		require.Len(t, s.Blocks, 4)
		assert.Equal(t, descriptor("late"), s.Blocks[3].Block)
		assert.Equal(t, sputnik.StateRunning, s.Blocks[3].State)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"finish late false", "ran late", "finish a false", "ran a", "disconnect"},
			j.with("finish", "ran", "disconnect"), "it finishes first")
		for _, n := range []int{
			len(eventsOf[sputnik.BlockInitialised](f)), len(eventsOf[sputnik.BlockRunning](f)), len(eventsOf[sputnik.BlockFinished](f)),
		} {
			assert.Equal(t, 4, n, "events come as for the others")
		}
	})
}

// statusOf is the status of the process behind bc.
func statusOf(bc sputnik.BlockCommunicator) sputnik.Status {
	s, _ := sputnik.StatusOf(bc)
	return s
}

func TestTheLastAddedFinishesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{logging(&j, "a", handle(&bc))}
		f := takeOff(t, c, spare(c, logging(&j, "b"), logging(&j, "c"), logging(&j, "d")))
		for _, resp := range []string{"b", "c", "d"} {
			add(t, bc, resp)
		}
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "c"))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"finish c false", "finish d false", "finish b false", "finish a false"}, j.with("finish"))
	})
}

func TestWhatCanNotBeAddedIsRefusedWithAllItsFaults(t *testing.T) {
	made := func(b *sputnik.Block) sputnik.BlockFactory { return func() *sputnik.Block { return b } }
	good := sputnik.WithRunContext(untilDone)
	called := func(sputnik.ConfFactory) error { panic("nothing is called but the factory") }
	type kind struct {
		name, resp string
		factory    sputnik.BlockFactory
		faults     int
		is         error
	}
	during(t, map[string]kind{
		"empty responsibility":       {name: "x", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good)), faults: 1},
		"reserved, initiator":        {name: "x", resp: "initiator", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good)), faults: 1},
		"reserved, connector":        {name: "x", resp: "connector", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good)), faults: 1},
		"taken by the finisher":      {name: "x", resp: "finisher", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good)), faults: 1},
		"taken":                      {name: "x", resp: "a", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good)), faults: 1},
		"unknown name":               {name: "y", resp: "y", faults: 1},
		"empty name":                 {name: "", resp: "y", faults: 1},
		"nothing at all":             {faults: 2},
		"nil block":                  {name: "x", resp: "x", factory: made(nil), faults: 1},
		"factory panics":             {name: "x", resp: "x", factory: func() *sputnik.Block { panic(errBoom) }, faults: 1, is: errBoom},
		"factory exits":              {name: "x", resp: "x", factory: func() *sputnik.Block { runtime.Goexit(); return nil }, faults: 1, is: sputnik.ErrGoexit},
		"factory hangs":              {name: "x", resp: "x", factory: func() *sputnik.Block { time.Sleep(never); return nil }, faults: 1, is: sputnik.ErrTimeout},
		"no Run":                     {name: "x", resp: "x", factory: made(sputnik.NewBlock(sputnik.WithInit(called))), faults: 2},
		"no connector":               {name: "x", resp: "x", factory: made(sputnik.NewBlock(sputnik.WithInit(called), good, sputnik.WithOnDisconnect(func() {}))), faults: 1},
		"taken, and a bad block":     {name: "x", resp: "a", factory: made(sputnik.NewBlock(good)), faults: 2},
		"the library's own finisher": {name: sputnik.DefaultFinisherName, resp: "mine", faults: 1},
	}, func(t *testing.T, k kind) {
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, spare(c, member{"x", k.factory}))
		err := sputnik.AddBlock(t.Context(), bc, sputnik.BlockDescriptor{Name: k.name, Responsibility: k.resp})
		var se *sputnik.SetupError
		require.ErrorAs(t, err, &se)
		assert.Len(t, se.Faults, k.faults, "%v", err)
		if k.is != nil {
			require.ErrorIs(t, err, k.is)
		}
		assert.Len(t, f.sp.Status().Blocks, 2)
		assert.True(t, f.sp.Status().Ready)
		require.NoError(t, f.land())
		time.Sleep(2 * never)
	})
}

func TestAnAddedBlockThatDoesNotComeUpIsRolledBackAlone(t *testing.T) {
	type kind struct {
		callback string
		opt      sputnik.BlockOption
		is       error
		finish   []string
		hangs    bool
	}
	during(t, map[string]kind{
		"Init errors":    {"Init", sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom }), errBoom, nil, false},
		"Init panics":    {"Init", sputnik.WithInit(func(sputnik.ConfFactory) error { panic(errBoom) }), errBoom, nil, false},
		"Init exits":     {"Init", sputnik.WithInit(func(sputnik.ConfFactory) error { runtime.Goexit(); return nil }), sputnik.ErrGoexit, nil, false},
		"Init hangs":     {"Init", sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(never); return nil }), sputnik.ErrTimeout, nil, true},
		"Attach panics":  {"Attach", sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) }), errBoom, []string{"finish bad true"}, false},
		"Attach exits":   {"Attach", sputnik.WithAttach(func(sputnik.BlockCommunicator) { runtime.Goexit() }), sputnik.ErrGoexit, []string{"finish bad true"}, false},
		"Attach hangs":   {"Attach", sputnik.WithAttach(func(sputnik.BlockCommunicator) { time.Sleep(never) }), sputnik.ErrTimeout, nil, true},
		"Attach, Finish": {"Attach", sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) }), errBoom, []string{"finish bad true"}, false},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		healed := false
		c := crew{logging(&j, "a", handle(&bc))}
		f := takeOff(t, c, sputnik.WithInitTimeout(10*time.Second), spare(c, member{"bad", func() *sputnik.Block {
			if healed {
				return idle("bad").make()
			}
			return logging(&j, "bad", k.opt).make()
		}}))
		began := time.Now()
		err := sputnik.AddBlock(t.Context(), bc, descriptor("bad"))
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
		var ie *sputnik.InitError
		require.ErrorAs(t, err, &ie)
		assert.Equal(t, k.callback, ie.Callback)
		assert.Equal(t, descriptor("bad"), ie.Block)
		require.ErrorIs(t, err, k.is)
		assert.Equal(t, k.hangs, errors.As(err, new(*sputnik.AbandonedError)))
		time.Sleep(time.Minute)
		assert.Equal(t, k.finish, j.with("finish"))
		assert.Empty(t, j.with("run bad"))
		assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
		_, ok := bc.Communicator("bad")
		assert.False(t, ok)

		healed = true
		add(t, bc, "bad") // its place is free
		assert.Len(t, f.sp.Status().Blocks, 3)
		if err = f.land(); k.hangs { // it is still there
			require.ErrorAs(t, err, new(*sputnik.AbandonedError))
		} else {
			require.NoError(t, err)
		}
		time.Sleep(2 * never)
	})
}

func TestNothingIsAddedOrRemovedWhereNothingFlies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		both := func(bc sputnik.BlockCommunicator, resp string) [2]error {
			return [2]error{
				sputnik.AddBlock(t.Context(), bc, descriptor("late")), sputnik.RemoveBlock(t.Context(), bc, resp),
			}
		}
		for _, bc := range []sputnik.BlockCommunicator{nil, outsider{func(sputnik.Msg) bool { return true }}} {
			for _, err := range both(bc, "a") {
				require.ErrorIs(t, err, sputnik.ErrNoBlock)
			}
		}
		var bc sputnik.BlockCommunicator
		var attach, run, finish [2]error
		c := crew{idle("a"), idle("b", sputnik.WithAttach(func(own sputnik.BlockCommunicator) { bc, attach = own, both(own, "a") }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				run = both(bc, "a")
				return nil
			}),
			sputnik.WithFinish(func(bool) { finish = both(bc, "a") }),
		)}
		f, err := newFlight(t, c, spare(c, idle("late")))
		require.NoError(t, err)
		prepared := both(bc, "a")
		f.start()
		require.NoError(t, f.land())
		landed := both(bc, "a")
		for i, errs := range [][2]error{attach, prepared, run, finish, landed} {
			for _, err := range errs {
				require.ErrorIs(t, err, sputnik.ErrNotRunning, "%d", i)
			}
		}
	})
}

func TestChangesAreAskedForFromAnyCallback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		added := make(chan error, 3)
		c := crew{
			idle("a", handle(&bc), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				added <- sputnik.AddBlock(ctx, bc, descriptor("by Run")) // during the take-off
				return untilDone(ctx, bc)
			}), sputnik.WithOnMsg(func(sputnik.Msg) {
				added <- sputnik.AddBlock(t.Context(), decorated{bc}, descriptor("by OnMsg"))
			}), sputnik.WithOnConnect(func(any) {
				added <- sputnik.AddBlock(t.Context(), to(t, bc, sputnik.InitiatorResponsibility), descriptor("by OnServerConnect"))
			})),
			idle("z"),
		}
		f := takeOff(t, c, sputnik.WithConnector(&plugIn{j: new(journal)}, 0),
			spare(c, idle("by Run"), idle("by OnMsg"), idle("by OnServerConnect")))
		bc.Send(sputnik.Msg{})
		for range 3 {
			require.NoError(t, <-added)
		}
		var order []string
		for _, e := range eventsOf[sputnik.BlockRunning](f) {
			order = append(order, e.Block.Responsibility)
		}
		assert.Equal(t, []string{"finisher", "connector", "a", "z"}, order[:4], "after the take-off")
		require.NoError(t, f.land())
	})
}

func TestChangesAreMadeOneAtATimeInOrderOfArrival(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		slow := func(resp string) member {
			return logging(&j, resp, sputnik.WithInit(func(sputnik.ConfFactory) error {
				j.add("init %s", resp)
				time.Sleep(time.Second)
				j.add("initialised %s", resp)
				return nil
			}))
		}
		c := crew{logging(&j, "a"), idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, slow("b"), slow("c"), slow("d")))
		var wg sync.WaitGroup
		for _, change := range []func() error{
			func() error { return sputnik.AddBlock(t.Context(), bc, descriptor("b")) },
			func() error { return sputnik.AddBlock(t.Context(), bc, descriptor("c")) },
			func() error { return sputnik.RemoveBlock(t.Context(), bc, "a") },
			func() error { return sputnik.AddBlock(t.Context(), bc, descriptor("d")) },
		} {
			wg.Go(func() { assert.NoError(t, change()) })
			synctest.Wait()
		}
		wg.Wait()
		assert.Equal(t, []string{
			"init a", "init b", "initialised b", "init c", "initialised c", "finish a false", "init d", "initialised d",
		}, j.with("init", "finish"))
		require.NoError(t, f.land())
	})
}

func TestAChangeWaitsForItsTurnAsLongAsItsContextLets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{logging(&j, "a"), idle("b", sputnik.WithFinish(func(bool) { time.Sleep(5 * time.Second) })), idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, logging(&j, "late")))
		removed := make(chan error, 1)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		began := time.Now()
		go func() { removed <- sputnik.RemoveBlock(ctx, bc, "b") }() // it has begun, and goes on
		synctest.Wait()
		require.ErrorIs(t, sputnik.AddBlock(ctx, bc, descriptor("late")), errBoom)
		require.ErrorIs(t, sputnik.RemoveBlock(ctx, bc, "a"), errBoom)
		assert.Equal(t, time.Second, time.Since(began))
		require.NoError(t, <-removed)
		assert.Equal(t, 5*time.Second, time.Since(began))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"init a", "run a"}, j.all(), "what did not get its turn is not made")
		require.NoError(t, f.land())
	})
}

func TestAnAddIsInterruptedByItsContext(t *testing.T) {
	type kind struct {
		init   time.Duration
		took   time.Duration
		finish []string
		hangs  bool
	}
	during(t, map[string]kind{
		"before its Init has returned": {3 * time.Second, 3 * time.Second, []string{"finish late true"}, false},
		"by an Init that hangs":        {never, 6 * time.Second, nil, true},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{idle("a", handle(&bc))}
		f := takeOff(t, c, spare(c, logging(&j, "late", sputnik.WithInit(func(sputnik.ConfFactory) error {
			time.Sleep(k.init)
			return nil
		}))))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		began := time.Now()
		err := sputnik.AddBlock(ctx, bc, descriptor("late"))
		assert.Equal(t, k.took, time.Since(began))
		require.ErrorIs(t, err, errBoom)
		require.ErrorAs(t, err, new(*sputnik.InitError))
		assert.Equal(t, k.finish, j.all())
		assert.Len(t, f.sp.Status().Blocks, 2)
		if err := f.land(); k.hangs {
			require.ErrorAs(t, err, new(*sputnik.AbandonedError))
		} else {
			require.NoError(t, err)
		}
		time.Sleep(2 * never)
	})
}

func TestAnAddedBlockHearsOfTheConnectionAlternatelyEvenIfItBreaksJustThen(t *testing.T) {
	for _, serial := range []bool{false, true} {
		for at := range 40 {
			bubble(t, func(t *testing.T) {
				var j journal
				var bc sputnik.BlockCommunicator
				late := listener(&j, "late", sputnik.WithInit(func(sputnik.ConfFactory) error {
					time.Sleep(time.Duration(at%4) * time.Second)
					return nil
				}), sputnik.WithOnMsg(func(sputnik.Msg) {}))
				if serial {
					plain := late.make
					late.make = func() *sputnik.Block {
						b := plain()
						sputnik.WithSerialCallbacks()(b)
						return b
					}
				}
				c := crew{idle("a", handle(&bc))}
				broken := make(chan error)
				f := takeOff(t, c, spare(c, late), sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, broken}, time.Second))
				time.Sleep(time.Minute)
				var wg sync.WaitGroup
				wg.Go(func() { add(t, bc, "late") })
				wg.Go(func() {
					time.Sleep(2 * time.Second)
					broken <- errBoom
				})
				wg.Wait()
				time.Sleep(time.Minute)
				news := j.all()
				require.NotEmpty(t, news)
				for i, l := range news {
					if i%2 == 0 {
						assert.Contains(t, l, "up", "%v", news)
					} else {
						assert.Equal(t, "late down", l, "%v", news)
					}
				}
				assert.Equal(t, "late up 2", news[len(news)-1])
				require.NoError(t, f.land())
			})
		}
	}
}

func TestAChangeWithAnEndedContextIsNotMade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		c := crew{idle("a"), idle("from", handle(&bc))}
		f := takeOff(t, c, spare(c, member{"late", func() *sputnik.Block { panic("nothing is called") }}))
		for range 50 { // a select would choose at random
			require.Equal(t, errBoom, sputnik.AddBlock(ctx, bc, descriptor("late")))
			require.Equal(t, errBoom, sputnik.RemoveBlock(ctx, bc, "a"))
		}
		require.NoError(t, f.land())
	})
}
