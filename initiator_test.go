package sputnik_test

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestG1InitialisesInOrderOnOneGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		note := func(resp string) member {
			return idle(resp, sputnik.WithInit(func(sputnik.ConfFactory) error {
				j.add("%s on %s", resp, goid())
				return nil
			}))
		}
		finisher := note("myfinisher")
		c := crew{note("a"), note("b"), note("c")}
		opts := c.options()
		factories := sputnik.BlockFactories{finisher.resp: finisher.make}
		for _, m := range c {
			factories[m.resp] = m.make
		}
		opts = append(opts, sputnik.WithBlockFactories(factories),
			sputnik.WithFinisher(sputnik.BlockDescriptor{Name: finisher.resp, Responsibility: "finisher"}),
			sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
		sp, err := sputnik.NewSputnik(opts...)
		require.NoError(t, err)
		_, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		defer shootDown()

		lines := j.all()
		require.Len(t, lines, 4)
		on := lines[0][len("myfinisher"):]
		assert.NotEqual(t, " on "+goid(), on)
		assert.Equal(t, []string{"myfinisher" + on, "a" + on, "b" + on, "c" + on}, lines)
		var order []string
		for _, b := range sp.Status().Blocks {
			order = append(order, b.Block.Responsibility)
		}
		assert.Equal(t, []string{"finisher", "connector", "a", "b", "c"}, order)
	})
}

func TestG1ReportsAllFaultsBeforeAnyInit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		bad := func(b *sputnik.Block) sputnik.BlockFactory { return func() *sputnik.Block { return b } }
		d := func(resp string) sputnik.BlockDescriptor {
			return sputnik.BlockDescriptor{Name: resp, Responsibility: resp}
		}
		factories := sputnik.BlockFactories{
			"good":    logging(&j, "good").make,
			"nofunc":  nil,
			"nil":     bad(nil),
			"nothing": bad(sputnik.NewBlock()),
			"linked":  idle("x", sputnik.WithOnConnect(func(any) {})).make,
			"both":    idle("x", sputnik.WithRun(func(sputnik.BlockCommunicator) {})).make,
			"box":     idle("x", sputnik.WithMailbox(0, 77)).make,
			"nilopt":  idle("x", nil).make,
			"panics":  func() *sputnik.Block { panic("made of glass") },
		}
		list := []sputnik.BlockDescriptor{
			d("good"), d("good"),
			{"unknown", "u"},
			d("nofunc"), d("nil"), d("nothing"), d("linked"), d("both"),
			d("box"), d("nilopt"), d("panics"),
			{"good", "initiator"},
			{"good", "finisher"},
			{"good", "connector"},
			{"good", ""},
			{"", "noname"},
		}
		sp, err := sputnik.NewSputnik(sputnik.WithAppBlocks(list), sputnik.WithBlockFactories(factories),
			sputnik.WithInitTimeout(-1), nil)
		want := []string{
			"WithInitTimeout: -1ns: must be positive",
			"option 4 is nil",
			"no configuration factory: use WithConfFactory",
			`block 3 ("good"): responsibility is taken by block 2`,
			`block 4 ("u" (unknown)): no factory of that name in WithBlockFactories`,
			`block 5 ("nofunc"): nil factory in WithBlockFactories`,
			`block 13 ("initiator" (good)): reserved responsibility`,
			`block 14 ("finisher" (good)): responsibility is taken by block 1`,
			`block 15 ("connector" (good)): reserved responsibility`,
			`block 16 ("" (good)): empty responsibility`,
			`block 17 ("noname" ()): empty name`,
			`block 6 ("nil"): the factory returned a nil block`,
			`block 7 ("nothing"): no Init callback: use WithInit`,
			`block 7 ("nothing"): no Run callback: use WithRun or WithRunContext`,
			`block 7 ("nothing"): no Finish callback: use WithFinish, or WithRunContext in place of WithRun`,
			`block 8 ("linked"): connection callbacks without a connector: use WithConnector`,
			`block 9 ("both"): both WithRun and WithRunContext: use one`,
			`block 10 ("box"): WithMailbox: capacity 0: must be at least 1`,
			`block 10 ("box"): WithMailbox: unknown overflow policy 77: use Reject, DropOldest or Wait`,
			`block 11 ("nilopt"): block option 3 is nil`,
			`block 12 ("panics"): factory: panic: made of glass`,
		}
		check := func(err error) {
			var se *sputnik.SetupError
			require.ErrorAs(t, err, &se)
			var got []string
			for _, f := range se.Faults {
				got = append(got, f.Error())
			}
			assert.Equal(t, want, got)
		}
		check(err)
		_, _, err = sp.Prepare() // even if the first error was overlooked
		check(err)
		assert.Empty(t, j.all())
	})
}

func TestG1RefusesEmptyAndForeignSetUps(t *testing.T) {
	_, err := sputnik.NewSputnik()
	require.ErrorContains(t, err, "no options")
	require.ErrorContains(t, err, "no configuration factory")
	require.ErrorContains(t, err, "no application blocks")

	_, _, err = sputnik.Sputnik{}.Prepare()
	require.ErrorContains(t, err, "not made by NewSputnik")

	opts := crew{idle("a")}.options()
	for want, opt := range map[string]sputnik.SputnikOption{
		"nil connector":           sputnik.WithConnector(nil, 0),
		"negative period -1s":     sputnik.WithConnector(&plugIn{}, -time.Second),
		"WithContext: nil":        sputnik.WithContext(nil), //nolint:staticcheck // the fault under test
		"WithSignals: nil":        sputnik.WithSignals(nil),
		"WithObserver: nil":       sputnik.WithObserver(nil),
		"WithBlockFactories: nil": sputnik.WithBlockFactories(nil),
		"must be shorter":         sputnik.WithFinishDelay(time.Hour),
		`"finisher" (nobody)`:     sputnik.WithFinisher(sputnik.BlockDescriptor{Name: "nobody", Responsibility: "finisher"}),
	} {
		_, err := sputnik.NewSputnik(append(opts, opt)...)
		require.ErrorContains(t, err, want)
	}
	own, err := sputnik.Factory(sputnik.DefaultFinisherName)
	require.NoError(t, err)
	sp, err := sputnik.NewSputnik(crew{{"a", own}}.options()...)
	require.NoError(t, err)
	_, _, err = sp.Prepare()
	require.ErrorContains(t, err, `block 2 ("a"): it is the library's own`)
}

func TestG2RollsBackInReverse(t *testing.T) {
	type kind struct {
		init   func(signals chan os.Signal) error
		is     error
		text   string
		cFinal bool // c itself is finished: its Init succeeded
		took   time.Duration
	}
	during(t, map[string]kind{
		"error": {init: func(chan os.Signal) error { return errBoom }, is: errBoom, text: `block "c" (4 of 5): Init: boom`},
		"panic": {init: func(chan os.Signal) error { panic(errBoom) }, is: errBoom, text: `block "c" (4 of 5): Init: panic: boom`},
		"goexit": {
			init: func(chan os.Signal) error { runtime.Goexit(); return nil }, is: sputnik.ErrGoexit,
			text: `block "c" (4 of 5): Init: the callback ended its goroutine`,
		},
		"overrun": {
			init: func(chan os.Signal) error { time.Sleep(time.Hour); return nil }, is: sputnik.ErrTimeout,
			text: `block "c" (4 of 5): Init: block "c": abandoned after 30s: Init did not return`, took: 30 * time.Second,
		},
		"signal": {
			init: func(s chan os.Signal) error { s <- syscall.SIGTERM; time.Sleep(time.Second); return nil },
			text: `block "c" (4 of 5): Init: signal terminated`, cFinal: true, took: time.Second,
		},
		"signal, then an error": {
			init: func(s chan os.Signal) error { s <- syscall.SIGTERM; time.Sleep(time.Second); return errBoom },
			is:   errBoom, text: `block "c" (4 of 5): Init: signal terminated, then: boom`, took: time.Second,
		},
		"signal, Init hangs": {
			init: func(s chan os.Signal) error { s <- syscall.SIGTERM; time.Sleep(time.Hour); return nil },
			is:   sputnik.ErrTimeout, text: `block "c" (4 of 5): Init: signal terminated, then: block "c": abandoned`, took: 5 * time.Second,
		},
	}, func(t *testing.T, k kind) {
		var j journal
		signals := make(chan os.Signal, 1)
		c := crew{
			logging(&j, "a"), logging(&j, "b"),
			logging(&j, "c", sputnik.WithInit(func(sputnik.ConfFactory) error { return k.init(signals) })),
			logging(&j, "d"),
		}
		began := time.Now()
		f, err := newFlight(t, c, sputnik.WithSignals(signals))
		require.Error(t, err)
		assert.Equal(t, k.took, time.Since(began))
		assert.Contains(t, err.Error(), k.text)
		if k.is != nil {
			require.ErrorIs(t, err, k.is)
		}
		var ie *sputnik.InitError
		require.ErrorAs(t, err, &ie)
		assert.Equal(t, "c", ie.Block.Responsibility)
		assert.Equal(t, 4, ie.Position)
		want := []string{"init a", "init b"}
		if k.cFinal {
			want = append(want, "finish c true")
		}
		assert.Equal(t, append(want, "finish b true", "finish a true"), j.all())
		assert.Nil(t, f.launch)
		assert.Equal(t, sputnik.StateFinished, f.sp.Status().State)
		time.Sleep(2 * time.Hour) // lets the hanging Init return, so that the bubble ends
	})
}

func TestG2RollbackRunsOnTheGoroutineOfInitialisation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var on [2]string
		c := crew{
			idle("a", sputnik.WithInit(func(sputnik.ConfFactory) error { on[0] = goid(); return nil }),
				sputnik.WithFinish(func(bool) { on[1] = goid() })),
			idle("b", sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom })),
		}
		_, err := newFlight(t, c)
		require.ErrorIs(t, err, errBoom)
		assert.NotEmpty(t, on[0])
		assert.Equal(t, on[0], on[1])
	})
}

func TestG2AttachThatPanicsRollsBackEveryBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		c := crew{
			logging(&j, "a"),
			logging(&j, "b", sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) })),
		}
		_, err := newFlight(t, c)
		require.ErrorIs(t, err, errBoom)
		assert.Contains(t, err.Error(), `block "b" (3 of 3): Attach: panic: boom`)
		assert.Equal(t, []string{"init a", "init b", "finish b true", "finish a true"}, j.all())
	})
}

func TestG3NoRunBeforeEveryInitAndAttach(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		attach := func(resp string) sputnik.BlockOption {
			return sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { j.add("attach %s", bc.Descriptor().Responsibility) })
		}
		f := takeOff(t, crew{logging(&j, "a", attach("a")), logging(&j, "b", attach("b"))})
		assert.Equal(t, []string{"init a", "init b", "attach a", "attach b"}, j.all()[:4])
		assert.ElementsMatch(t, []string{"run a", "run b"}, j.all()[4:])
		require.NoError(t, f.land())
		assert.Len(t, j.with("run "), 2)
	})
}

func TestG6StopsByWhateverComesFirst(t *testing.T) {
	type kind struct {
		stop func(f *flight, bc sputnik.BlockCommunicator, cancel context.CancelCauseFunc)
		want string
	}
	during(t, map[string]kind{
		"signal": {
			stop: func(f *flight, _ sputnik.BlockCommunicator, _ context.CancelCauseFunc) { f.signals <- os.Interrupt },
			want: "signal interrupt",
		},
		"shoot-down": {
			stop: func(f *flight, _ sputnik.BlockCommunicator, _ context.CancelCauseFunc) { f.shootDown(); f.shootDown() },
			want: "shoot-down",
		},
		"finish message": {stop: func(_ *flight, bc sputnik.BlockCommunicator, _ context.CancelCauseFunc) {
			initiator, ok := bc.Communicator(sputnik.InitiatorResponsibility)
			assert.True(t, ok)
			assert.True(t, initiator.Send(sputnik.FinishMsg()))
		}, want: `finish message from block "a"`},
		"context": {
			stop: func(_ *flight, _ sputnik.BlockCommunicator, cancel context.CancelCauseFunc) { cancel(errBoom) },
			want: "context ended: boom",
		},
	}, func(t *testing.T, k kind) {
		var bc sputnik.BlockCommunicator
		var seen error
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(ctx context.Context, own sputnik.BlockCommunicator) error {
			bc = own
			<-ctx.Done()
			seen = context.Cause(ctx)
			return ctx.Err()
		}))}, sputnik.WithContext(ctx))
		k.stop(f, bc, cancel)
		require.NoError(t, f.landed())
		assert.EqualError(t, seen, k.want)
		f.shootDown()
		require.NoError(t, f.launch(), "a second launch returns the same")
		assert.EqualError(t, f.sp.Status().Cause, k.want)
		initiator, _ := bc.Communicator(sputnik.InitiatorResponsibility)
		assert.False(t, initiator.Send(sputnik.FinishMsg()), "it is over")
	})
}

func TestG6StopBeforeLaunchIsHonoured(t *testing.T) {
	type kind struct {
		stop func(f *flight, cancel func())
	}
	during(t, map[string]kind{
		"shoot-down": {func(f *flight, _ func()) { f.shootDown() }},
		"signal":     {func(f *flight, _ func()) { f.signals <- os.Interrupt }},
		"context":    {func(_ *flight, cancel func()) { cancel() }},
	}, func(t *testing.T, k kind) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f, err := newFlight(t, crew{logging(&j, "a"), logging(&j, "b")}, sputnik.WithContext(ctx))
		require.NoError(t, err)
		k.stop(f, cancel)
		synctest.Wait()
		require.NoError(t, f.launch())
		assert.Equal(t, []string{"init a", "init b", "finish b true", "finish a true"}, j.all())
	})
}

func TestG6StopBeforePrepareIsHonoured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		_, err := newFlight(t, crew{logging(&j, "a")}, sputnik.WithContext(ctx))
		require.ErrorIs(t, err, errBoom)
		var ce *sputnik.ContextError
		require.ErrorAs(t, err, &ce)

		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGTERM
		_, err = newFlight(t, crew{logging(&j, "a")}, sputnik.WithSignals(signals))
		var se *sputnik.SignalError
		require.ErrorAs(t, err, &se)
		assert.Equal(t, syscall.SIGTERM, se.Signal)
		assert.Empty(t, j.all())
	})
}

func TestG6ABlockMayLaunchAndShootDownItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *flight
		again := make(chan error, 1)
		f, err := newFlight(t, crew{idle("a", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			again <- f.launch()
			f.shootDown()
			f.shootDown()
			<-ctx.Done()
			return nil
		}))})
		require.NoError(t, err)
		began := time.Now()
		go func() { f.result <- f.launch() }()
		require.NoError(t, f.launch())
		require.NoError(t, f.landed())
		require.ErrorIs(t, <-again, sputnik.ErrLaunched)
		assert.Zero(t, time.Since(began))
	})
}

func TestFlyIsAWholeFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var j journal
		opts := crew{logging(&j, "a")}.options()
		signals := sputnik.WithSignals(make(chan os.Signal))
		require.NoError(t, sputnik.Fly(append(opts, sputnik.WithContext(ctx), signals)...))
		assert.Equal(t, []string{"init a", "run a", "finish a false", "ran a"}, j.all())
		require.Error(t, sputnik.Fly(), "set-up")
		require.ErrorIs(t, sputnik.Fly(append(opts, sputnik.WithContext(ctx), signals)...), context.DeadlineExceeded, "prepare")
	})
}

func TestTwoSputniksDoNotMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j1, j2 journal
		f1 := takeOff(t, crew{logging(&j1, "a")})
		f2 := takeOff(t, crew{logging(&j2, "a")})
		require.NoError(t, f1.land())
		synctest.Wait()
		assert.True(t, f2.sp.Status().Ready)
		assert.Equal(t, []string{"init a", "run a"}, j2.all())
		require.NoError(t, f2.land())
	})
}

func TestBlockOfPicksUpMethods(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		c := crew{{"typed", func() *sputnik.Block { return sputnik.BlockOf(&typed{j: &j}, sputnik.WithMailbox(1, sputnik.Wait)) }}}
		f := takeOff(t, c, sputnik.WithConnector(&plugIn{j: &j}, 0))
		time.Sleep(2 * time.Second)
		require.NoError(t, f.land())
		assert.Equal(t, []string{
			"Init", "Attach", "Run", "connect 1", "OnServerConnect 1", "OnMsg 7", "Finish false", "disconnect",
		}, j.all())
		assert.Equal(t, 1, f.block("typed").Mailbox.Capacity)
	})
}

type typed struct{ j *journal }

func (b *typed) Init(sputnik.ConfFactory) error             { b.j.add("Init"); return nil }
func (b *typed) Attach(sputnik.BlockCommunicator)           { b.j.add("Attach") }
func (b *typed) Finish(init bool)                           { b.j.add("Finish %v", init) }
func (b *typed) OnServerConnect(c sputnik.ServerConnection) { b.j.add("OnServerConnect %v", c) }
func (b *typed) OnServerDisconnect()                        { b.j.add("OnServerDisconnect") }
func (b *typed) OnMsg(m sputnik.Msg)                        { b.j.add("OnMsg %v", m["n"]) }
func (b *typed) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
	b.j.add("Run")
	time.Sleep(time.Second)
	bc.Send(sputnik.Msg{"n": 7})
	<-ctx.Done()
	return ctx.Err()
}

type misspelt struct{ typed }

func (*misspelt) OnMsg(string) {}

func TestBlockOfRefusesWrongMethods(t *testing.T) {
	for want, impl := range map[string]any{
		"BlockOf: nil":    (*typed)(nil),
		"no Init":         struct{}{},
		"BlockOf: method": &misspelt{},
	} {
		opts := crew{{"a", func() *sputnik.Block { return sputnik.BlockOf(impl) }}}.options()
		sp, err := sputnik.NewSputnik(append(opts, sputnik.WithConnector(&plugIn{}, 0))...)
		require.NoError(t, err)
		_, _, err = sp.Prepare()
		require.ErrorContains(t, err, want)
	}
}

func TestRegisterBlockFactoryPanicsOnMisuse(t *testing.T) {
	factory := idle("x").make
	assert.Panics(t, func() { sputnik.RegisterBlockFactory("", factory) })
	assert.Panics(t, func() { sputnik.RegisterBlockFactory("x", nil) })
	assert.Panics(t, func() { sputnik.RegisterBlockFactory(sputnik.DefaultFinisherName, factory) })
	_, err := sputnik.Factory("nobody")
	require.ErrorContains(t, err, `"nobody"`)
	copied := sputnik.DefaultFactories()
	delete(copied, sputnik.DefaultFinisherName)
	_, err = sputnik.Factory(sputnik.DefaultFinisherName)
	require.NoError(t, err)
}

func TestG6LaunchFromOnMsgDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *flight
		var self sputnik.BlockCommunicator
		f, err := newFlight(t, crew{idle("a", handle(&self), sputnik.WithOnMsg(func(sputnik.Msg) {
			assert.ErrorIs(t, f.launch(), sputnik.ErrLaunched)
		}))})
		require.NoError(t, err)
		f.start()
		self.Send(sputnik.Msg{})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, f.land())
		assert.Zero(t, time.Since(began))
	})
}
