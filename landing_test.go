package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik"
)

func TestG4FinishesInReverse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		slow := func(resp string) member {
			return idle(resp, sputnik.WithFinish(func(bool) {
				j.add("finish %s", resp)
				time.Sleep(time.Second)
				j.add("finished %s", resp)
			}))
		}
		f := takeOff(t, crew{slow("a"), slow("b"), slow("c")}, sputnik.WithConnector(&plugIn{j: &j}, 0))
		require.NoError(t, f.land())
		assert.Equal(t, []string{
			"connect 1", "finish c", "finished c", "finish b", "finished b", "finish a", "finished a", "disconnect",
		}, j.all())
		var order []string
		for _, e := range eventsOf[sputnik.BlockFinished](f) {
			order = append(order, e.Block.Responsibility)
		}
		assert.Equal(t, []string{"c", "b", "a", "connector", "finisher"}, order)
	})
}

// sender is a member whose Run sends n messages to another block, and then waits.
func sender(to string, n int) member {
	return idle("sender", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
		peer, _ := bc.Communicator(to)
		for i := range n {
			peer.Send(sputnik.Msg{"n": i})
		}
		<-ctx.Done()
		return nil
	}))
}

func TestG4SinksFirstLoseNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{
			idle("sink", sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Millisecond); j.add("%v", m["n"]) })),
			sender("sink", 1000),
		})
		require.NoError(t, f.land())
		assert.Len(t, j.all(), 1000)
	})
}

func TestG5FinishOfOneBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var self sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a",
			sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				self = bc
				<-ctx.Done()
				j.add("context ended: %v", context.Cause(ctx))
				time.Sleep(time.Second)
				j.add("run returns")
				return ctx.Err()
			}),
			sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); j.add("msg %v, more: %v", m["n"], self.Send(m)) }),
			sputnik.WithFinish(func(init bool) { time.Sleep(time.Millisecond); j.add("finish %v", init) }),
		)})
		self.Send(sputnik.Msg{"n": 1})
		self.Send(sputnik.Msg{"n": 2})
		began := time.Now()
		require.NoError(t, f.land())
		assert.Equal(t, []string{
			"msg 1, more: false", "msg 2, more: false", "context ended: shoot-down", "finish false", "run returns",
		}, j.all())
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestG5NoCallbackBeginsAfterFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var up atomic.Bool
		up.Store(true)
		var self sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a",
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }),
			sputnik.WithOnMsg(func(sputnik.Msg) { j.add("msg") }),
			sputnik.WithOnConnect(func(any) { j.add("connected") }),
			sputnik.WithOnDisconnect(func() { j.add("disconnected") }),
			sputnik.WithFinish(func(bool) {
				j.add("finish")
				up.Store(false)
				assert.False(t, self.Send(sputnik.Msg{}))
				time.Sleep(10 * time.Second)
			}),
		)}, sputnik.WithConnector(&plugIn{j: new(journal), alive: up.Load}, time.Second))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connected", "finish"}, j.all())
		assert.NotEmpty(t, eventsOf[sputnik.ConnectionLost](f), "the connector went on")
	})
}

func TestG5ABlockWithoutFinishFlushesOverANewConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		news := make(chan string, 8)
		var up atomic.Bool
		f := takeOff(t, crew{idle("a",
			sputnik.WithOnConnect(func(any) { up.Store(true); news <- "connected" }),
			sputnik.WithOnDisconnect(func() { news <- "disconnected" }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				j.add("%s", <-news)
				<-ctx.Done()
				up.Store(false)
				j.add("%s", <-news)
				j.add("%s", <-news)
				return nil
			}),
		)}, sputnik.WithConnector(&plugIn{j: new(journal), alive: up.Load}, time.Second))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connected", "disconnected", "connected"}, j.all())
	})
}

func TestG7OverrunningBlocksAreAbandonedOthersFinish(t *testing.T) {
	hang := func() { time.Sleep(never) }
	type kind struct {
		opts  []sputnik.BlockOption
		stuck string
	}
	during(t, map[string]kind{
		"Finish": {opts: []sputnik.BlockOption{sputnik.WithFinish(func(bool) { hang() })}, stuck: "Finish"},
		"Run": {opts: []sputnik.BlockOption{sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			hang()
			return nil
		})}, stuck: "Run"},
		"OnMsg": {opts: []sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { hang() })}, stuck: "OnMsg"},
		"OnServerConnect": {opts: []sputnik.BlockOption{
			sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithOnConnect(func(any) { hang() }),
		}, stuck: "OnServerConnect"},
	}, func(t *testing.T, k kind) {
		var j journal
		k.opts = append(k.opts, sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }))
		f := takeOff(t, crew{logging(&j, "a"), idle("hung", k.opts...), logging(&j, "z")},
			sputnik.WithConnector(&plugIn{j: &j}, 0), sputnik.WithFinishTimeout(10*time.Second))
		time.Sleep(time.Second)
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)

		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		require.ErrorIs(t, err, sputnik.ErrTimeout)
		require.ErrorIs(t, err, sputnik.ErrShootDown, "the cause comes along")
		assert.Equal(t, "hung", ae.Block.Responsibility)
		require.Len(t, ae.Callbacks, 1)
		assert.Contains(t, ae.Callbacks[0], k.stuck)
		assert.Contains(t, ae.Stacks, "TestG7OverrunningBlocks")
		assert.Contains(t, err.Error(), ae.Stacks)
		assert.Equal(t, []string{"finish z false", "ran z", "finish a false", "ran a", "disconnect"},
			j.with("finish", "ran", "disconnect"))
		assert.Equal(t, sputnik.StateAbandoned, f.block("hung").State)
		assert.Len(t, eventsOf[sputnik.BlockAbandoned](f), 1)
		time.Sleep(2 * never)
	})
}

func strayGoroutineOfHung(stop chan struct{}) { <-stop }

func TestG7StacksAreThoseOfTheBlockOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stop := make(chan struct{})
		spawn := func(fn func()) sputnik.BlockOption {
			return sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				go fn()
				<-ctx.Done()
				return nil
			})
		}
		other := func() { <-stop; runtime.KeepAlive(t) }
		f := takeOff(t, crew{
			idle("other", spawn(other)),
			idle("hung", spawn(func() { strayGoroutineOfHung(stop) }), sputnik.WithFinish(func(bool) { <-stop })),
		})
		err := f.land()
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		assert.Contains(t, ae.Stacks, "strayGoroutineOfHung")
		assert.Contains(t, ae.Stacks, `"block":"hung"`)
		assert.NotContains(t, ae.Stacks, `"block":"other"`)
		assert.NotContains(t, ae.Stacks, "initiator).land")
		close(stop)
	})
}

func TestG7LaunchReturnsInTimeWhateverBlocksDo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var c crew
		for resp := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyz", "") {
			c = append(c, idle(resp, sputnik.WithBlockFinishTimeout(20*time.Second),
				sputnik.WithFinish(func(bool) { time.Sleep(never) })))
		}
		f := takeOff(t, c, sputnik.WithFinishTimeout(30*time.Second))
		began := time.Now()
		err := f.land()
		assert.LessOrEqual(t, time.Since(began), 31*time.Second+26*time.Millisecond)
		require.ErrorContains(t, err, "finish: time limit exceeded (30s)")
		var fe *sputnik.FlightError
		require.ErrorAs(t, err, &fe)
		assert.Len(t, fe.Faults, 27, "each block, and the limit itself")
		time.Sleep(2 * never)
	})
}

func TestG7ABlockHasItsOwnLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithBlockFinishTimeout(2*time.Second),
			sputnik.WithFinish(func(bool) { time.Sleep(never) }))})
		began := time.Now()
		require.ErrorIs(t, f.land(), sputnik.ErrTimeout)
		assert.Equal(t, 2*time.Second, time.Since(began))
		time.Sleep(2 * never)
	})
}

func TestG8ErrorSaysCauseFirstThenBlockByBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		errLate, errFinish := errors.New("late"), errors.New("finish")
		var bad sputnik.BlockCommunicator
		f := takeOff(t, crew{
			idle("late", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				return errLate
			})),
			idle("stuck", sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bad = bc }),
				sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(never) })),
			idle("panics", sputnik.WithFinish(func(bool) { panic(errFinish) })),
			idle("first", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				time.Sleep(time.Second)
				return errBoom
			})),
		})
		for range 3 {
			bad.Send(sputnik.Msg{})
		}
		err := f.landed()
		var fe *sputnik.FlightError
		require.ErrorAs(t, err, &fe)
		require.ErrorIs(t, fe.Cause, errBoom)
		require.Len(t, fe.Faults, 4)
		require.ErrorIs(t, fe.Faults[0], errFinish)
		var ue *sputnik.UnhandledError
		require.ErrorAs(t, fe.Faults[1], &ue)
		assert.Equal(t, uint64(3), ue.Count)
		require.ErrorIs(t, fe.Faults[2], sputnik.ErrTimeout)
		require.ErrorIs(t, fe.Faults[3], errLate)
		for _, is := range []error{errBoom, errLate, errFinish} {
			require.ErrorIs(t, err, is)
		}
		text := err.Error()
		assert.True(t, strings.HasPrefix(text, "stopped by: block \"first\": Run: boom\n\tblock \"panics\": Finish: panic: finish\n"), text)
		assert.Contains(t, text, `block "stuck": accepted messages left unhandled: 3`)
		time.Sleep(2 * never)
	})
}

func TestG9SecondSignalEndsTheWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var cancelled, finished time.Duration
		began := time.Now()
		f := takeOff(t, crew{
			idle("waits", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				cancelled = time.Since(began)
				return nil
			})),
			logging(&j, "a"),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
		})
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		time.Sleep(100 * time.Millisecond)
		f.signals <- os.Interrupt // the same Ctrl-C, passed on by a parent
		time.Sleep(100 * time.Millisecond)
		f.signals <- syscall.SIGTERM
		time.Sleep(800 * time.Millisecond)
		f.signals <- os.Interrupt
		err := f.landed()
		finished = time.Since(began)
		require.ErrorIs(t, err, sputnik.ErrForced)
		require.ErrorContains(t, err, "forced")
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		assert.Equal(t, "hung", ae.Block.Responsibility)
		assert.Equal(t, 2*time.Second, cancelled, "by the second signal, not by its turn")
		assert.LessOrEqual(t, finished, 3*time.Second)
		assert.Equal(t, []string{"init a", "run a", "finish a false", "ran a"}, j.all())
		assert.Equal(t, []sputnik.ProcessHurried{{At: sputnik.At{Time: began.Add(2 * time.Second)}, Forced: true}},
			eventsOf[sputnik.ProcessHurried](f))
		time.Sleep(2 * never)
	})
}

func TestG9SecondSignalEndsAHangingInit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		began := time.Now()
		time.AfterFunc(time.Second, func() { signals <- os.Interrupt })
		time.AfterFunc(2*time.Second, func() { signals <- os.Interrupt })
		_, err := newFlight(t, crew{
			idle("a", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
			idle("b", sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(never); return nil })),
		},
			sputnik.WithSignals(signals))
		require.ErrorIs(t, err, sputnik.ErrForced)
		assert.LessOrEqual(t, time.Since(began), 3*time.Second)
		time.Sleep(2 * never)
	})
}

func TestG9TheSignalsOfAnotherStopAreCountedFromThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("slow", sputnik.WithFinish(func(bool) { time.Sleep(3 * time.Second) }))})
		f.shootDown()
		time.Sleep(time.Second)
		f.signals <- os.Interrupt // the first signal asks for what is happening already
		require.NoError(t, f.landed())
	})
}

func TestG10NoGoroutineIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		// runtime.NumGoroutine still counts those that are just ending.
		goroutines := func() string {
			buf := make([]byte, 1<<20)
			return string(buf[:runtime.Stack(buf, true)])
		}
		before := strings.Count(goroutines(), "synctest bubble")
		for range 20 {
			var j journal
			f := takeOff(t, crew{logging(&j, "a"), receiver("b", &j, nil), sender("b", 10)},
				sputnik.WithConnector(&plugIn{j: &j}, time.Second), sputnik.WithContext(t.Context()))
			require.NoError(t, f.land())
			synctest.Wait() // whoever can still end has ended
			after := goroutines()
			require.Equal(t, before, strings.Count(after, "synctest bubble"), after)
		}
	})
}

// With the system's signals, whose goroutine is left to goleak.
func TestG10NoGoroutineIsLeftOutsideOfABubble(t *testing.T) {
	for range 20 {
		sp, err := sputnik.NewSputnik(crew{idle("a")}.options()...)
		require.NoError(t, err)
		launch, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		go shootDown()
		require.NoError(t, launch())
	}
	goleak.VerifyNone(t)
}

func TestG11EveryCallbackIsGuarded(t *testing.T) {
	type kind struct {
		callback string
		opt      func(blow func()) sputnik.BlockOption
	}
	kinds := []kind{
		{"Run", func(blow func()) sputnik.BlockOption {
			return sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { blow(); return nil })
		}},
		{"OnMsg", func(blow func()) sputnik.BlockOption { return sputnik.WithOnMsg(func(sputnik.Msg) { blow() }) }},
		{"OnServerConnect", func(blow func()) sputnik.BlockOption { return sputnik.WithOnConnect(func(any) { blow() }) }},
		{"OnServerDisconnect", func(blow func()) sputnik.BlockOption { return sputnik.WithOnDisconnect(blow) }},
		{"Finish", func(blow func()) sputnik.BlockOption { return sputnik.WithFinish(func(bool) { blow() }) }},
	}
	blows := map[string]struct {
		blow func()
		is   error
	}{
		"panics": {func() { panic(errBoom) }, errBoom},
		"exits":  {runtime.Goexit, sputnik.ErrGoexit},
	}
	for _, k := range kinds {
		for how, b := range blows {
			for _, serial := range []bool{false, true} {
				name := k.callback + " " + how
				opts := []sputnik.BlockOption{
					sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }),
					sputnik.WithOnMsg(func(sputnik.Msg) {}), k.opt(b.blow),
				}
				if serial {
					name += ", serial"
					opts = append(opts, sputnik.WithSerialCallbacks())
				}
				t.Run(name, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						var j journal
						alive := func() bool { return false } // so that OnServerDisconnect comes
						f := takeOff(t, crew{logging(&j, "a"), idle("bad", opts...), logging(&j, "z")},
							sputnik.WithConnector(&plugIn{j: new(journal), alive: alive}, time.Second))
						if k.callback == "Finish" {
							f.shootDown()
						}
						err := f.landed()
						require.ErrorIs(t, err, b.is)
						var be *sputnik.BlockError
						require.ErrorAs(t, err, &be)
						assert.Equal(t, "bad", be.Block.Responsibility)
						assert.Equal(t, k.callback, be.Callback)
						if how == "panics" {
							var pe *sputnik.PanicError
							require.ErrorAs(t, err, &pe)
							assert.Equal(t, errBoom, pe.Value)
							assert.Contains(t, string(pe.Stack), "landing_test.go")
							assert.Contains(t, err.Error(), "landing_test.go")
						}
						assert.Equal(t, []string{"finish z false", "ran z", "finish a false", "ran a"}, j.with("finish", "ran"))
						assert.NotEmpty(t, eventsOf[sputnik.BlockFailed](f))
					})
				})
			}
		}
	}
}

func TestG11AcceptedMessagesAreHandledAfterAPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a",
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				for i := range 4 {
					bc.Send(sputnik.Msg{"n": i})
				}
			}),
			sputnik.WithOnMsg(func(m sputnik.Msg) {
				j.add("%v", m["n"])
				if m["n"] == 1 {
					panic(errBoom)
				}
				if m["n"] == 2 {
					runtime.Goexit()
				}
			}))})
		err := f.landed()
		require.ErrorIs(t, err, errBoom)
		require.ErrorIs(t, err, sputnik.ErrGoexit)
		assert.Equal(t, []string{"0", "1", "2", "3"}, j.all(), "none twice, none left out")
		assert.Equal(t, uint64(4), f.block("a").Mailbox.Handled)
	})
}

func TestG11RunThatReturnsIsNoFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error { return nil }),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				time.AfterFunc(time.Minute, func() { bc.Send(sputnik.Msg{}) })
			}),
			sputnik.WithOnMsg(func(sputnik.Msg) { j.add("msg") }))})
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, f.land())
		assert.Equal(t, []string{"msg"}, j.all())
	})
}

func TestG11ATypedNilErrorIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			var nothing *fs.PathError
			return nothing
		}))})
		require.ErrorContains(t, f.landed(), `block "a": Run: a nil *fs.PathError was returned as an error`)
	})
}

func TestG11RunErrorsThatHoldOthers(t *testing.T) {
	within := &sputnik.AbandonedError{Block: sputnik.BlockDescriptor{Name: "within", Responsibility: "within"}}
	type kind struct {
		fail func(ctx context.Context) error
		is   error
	}
	during(t, map[string]kind{
		"of a flight within":         {func(context.Context) error { return fmt.Errorf("within: %w", within) }, sputnik.ErrTimeout},
		"beside the context's own":   {func(ctx context.Context) error { return errors.Join(ctx.Err(), errBoom) }, errBoom},
		"the context's own, wrapped": {func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) }, nil},
		"its cause, twice":           {func(ctx context.Context) error { return errors.Join(context.Cause(ctx), ctx.Err()) }, nil},
	}, func(t *testing.T, k kind) {
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
			<-ctx.Done()
			return k.fail(ctx)
		}))})
		err := f.land()
		require.ErrorIs(t, err, k.is)
		if k.is != nil {
			var be *sputnik.BlockError
			require.ErrorAs(t, err, &be)
			assert.Equal(t, "a", be.Block.Responsibility)
		}
	})
}

func TestG9TwoSignalsBeforeALateLaunchLeaveTimeToFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, err := newFlight(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(50 * time.Millisecond) }))})
		require.NoError(t, err)
		f.signals <- os.Interrupt
		time.Sleep(300 * time.Millisecond)
		f.signals <- os.Interrupt
		time.Sleep(10 * time.Second)
		err = f.launch()
		require.ErrorIs(t, err, sputnik.ErrForced)
		require.NotErrorIs(t, err, sputnik.ErrTimeout)
	})
}

func TestG9EveryBlockStillGetsSomeTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{
			idle("first", sputnik.WithFinish(func(bool) { time.Sleep(200 * time.Millisecond) })),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(time.Hour) })),
		})
		f.signals <- os.Interrupt
		time.Sleep(300 * time.Millisecond)
		f.signals <- nil // whatever it is, it is a signal
		err := f.landed()
		require.ErrorIs(t, err, sputnik.ErrForced)
		assert.NotContains(t, err.Error(), `"first": abandoned`)
		time.Sleep(2 * time.Hour)
	})
}

func TestG7AFlushLearnsThatItsTimeIsUp(t *testing.T) {
	during(t, map[string]struct {
		stop func(f *flight)
		at   time.Duration // of the end of the flush's context
	}{
		"by the limit": {func(f *flight) { f.shootDown() }, 9 * time.Second},
		"by a second signal": {func(f *flight) {
			f.signals <- os.Interrupt
			time.Sleep(time.Second)
			f.signals <- os.Interrupt
		}, time.Second},
	}, func(t *testing.T, k struct {
		stop func(f *flight)
		at   time.Duration
	},
	) {
		var ended time.Duration
		began := time.Now()
		f := takeOff(t, crew{idle("a", sputnik.WithBlockFinishTimeout(10*time.Second),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				<-sputnik.FlushContext(ctx).Done()
				ended = time.Since(began)
				return errBoom // so many are left
			}))})
		k.stop(f)
		err := f.landed()
		assert.Equal(t, k.at, ended)
		require.ErrorIs(t, err, errBoom)
		var ae *sputnik.AbandonedError
		assert.NotErrorAs(t, err, &ae)
	})
	assert.Equal(t, t.Context(), sputnik.FlushContext(t.Context()), "not of a Run")
}
