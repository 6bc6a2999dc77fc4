package sputnik_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestG1CreatesInOrderOnOneGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var c crew
		for _, resp := range []string{"a", "b", "c"} {
			c = append(c, member{resp, func() *sputnik.Block {
				j.add("%s on %s", resp, goid())
				return idle(resp, sputnik.WithInit(func(sputnik.ConfFactory) error {
					j.add("%s on %s", resp, goid())
					return nil
				})).make()
			}})
		}
		f, err := newFlight(t, c)
		require.NoError(t, err)
		defer f.shootDown()
		lines := j.all()
		require.Len(t, lines, 6)
		on := strings.TrimPrefix(lines[0], "a")
		assert.NotEqual(t, " on "+goid(), on, "Prepare only waits for it")
		assert.Equal(t, []string{"a" + on, "b" + on, "c" + on, "a" + on, "b" + on, "c" + on}, lines)
	})
}

func TestG2TheRollbackHasAFreshBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		_, err := newFlight(t, crew{
			idle("a", sputnik.WithFinish(func(bool) { time.Sleep(5 * time.Second) })),
			idle("b", sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(20 * time.Second); return errBoom })),
		})
		require.ErrorIs(t, err, errBoom)
		require.NotErrorIs(t, err, sputnik.ErrTimeout)
		assert.Equal(t, 25*time.Second, time.Since(began))
	})
}

func TestG2EachInitHasALimitOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := sputnik.WithInit(func(sputnik.ConfFactory) error { time.Sleep(20 * time.Second); return nil })
		f, err := newFlight(t, crew{idle("a", slow), idle("b", slow), idle("c", slow)})
		require.NoError(t, err)
		f.shootDown()
	})
}

func TestG3NoRunWhileALaterInitIsInProgress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{
			logging(&j, "a"),
			logging(&j, "b", sputnik.WithInit(func(sputnik.ConfFactory) error {
				time.Sleep(time.Second)
				j.add("init b")
				return nil
			}), sputnik.WithAttach(func(sputnik.BlockCommunicator) {
				time.Sleep(time.Second)
				j.add("attach b")
			})),
		})
		assert.Equal(t, []string{"init a", "init b", "attach b"}, j.all()[:3])
		require.NoError(t, f.land())
	})
}

func TestG3NoRunAfterAFailedAttach(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f, err := newFlight(t, crew{
			logging(&j, "a"),
			logging(&j, "b", sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) })),
		})
		require.ErrorIs(t, err, errBoom)
		assert.Nil(t, f.launch)
		synctest.Wait()
		assert.Empty(t, j.with("run"))
	})
}

func TestG3EachRunIsCalledOnceOnItsOwnGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		note := func(resp string) member {
			return idle(resp, sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				j.add("%s", goid())
				return untilDone(ctx, bc)
			}))
		}
		f := takeOff(t, crew{note("a"), note("b")})
		again := make(chan error, 1)
		go func() { again <- f.launch() }()
		synctest.Wait()
		on := j.all()
		require.Len(t, on, 2)
		assert.NotEqual(t, on[0], on[1])
		require.NoError(t, f.land())
		require.NoError(t, <-again)
		assert.Len(t, j.all(), 2)
	})
}

func TestG4ASinkAcceptsUntilItsTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{
			receiver("sink", &j, nil),
			idle("source", sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				<-ctx.Done()
				for n := range 3 { // what is flushed
					assert.True(t, to(t, bc, "sink").Send(sputnik.Msg{"n": n}))
					time.Sleep(time.Second)
				}
				return nil
			})),
		})
		require.NoError(t, f.land())
		assert.Equal(t, []string{"0", "1", "2"}, j.all())
	})
}

func TestG4TheOthersFinishInOrderAfterOneWasAbandoned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{
			logging(&j, "a"), logging(&j, "b"),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
			logging(&j, "z"),
		}, sputnik.WithConnector(&plugIn{j: &j}, 0))
		require.ErrorIs(t, f.land(), sputnik.ErrTimeout)
		assert.Equal(t, []string{
			"finish z false", "ran z", "finish b false", "ran b", "finish a false", "ran a", "disconnect",
		}, j.with("finish", "ran", "disconnect"))
		time.Sleep(2 * never)
	})
}

func TestG5EachFinishHasAGoroutineOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		note := func(resp string) member {
			return idle(resp,
				sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
					<-ctx.Done()
					time.Sleep(time.Second) // still there when Finish comes
					j.add("%s", goid())
					return nil
				}),
				sputnik.WithFinish(func(bool) { j.add("%s", goid()) }))
		}
		f, err := newFlight(t, crew{note("a"), note("b")})
		require.NoError(t, err)
		go func() {
			j.add("%s", goid())
			f.result <- f.launch()
		}()
		synctest.Wait()
		require.NoError(t, f.land())
		on := j.all()
		assert.Len(t, on, 5, "launch, and Run and Finish of each")
		slices.Sort(on)
		assert.Len(t, slices.Compact(on), 5)
	})
}

func TestG5AConnectionCallbackInProgressIsAwaited(t *testing.T) {
	for _, finish := range []bool{false, true} {
		t.Run(fmt.Sprint("with Finish ", finish), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var j journal
				opts := []sputnik.BlockOption{sputnik.WithOnConnect(func(any) { time.Sleep(3 * time.Second); j.add("through") })}
				if finish {
					opts = append(opts, sputnik.WithFinish(func(bool) {}))
				}
				f := takeOff(t, crew{idle("a", opts...)}, sputnik.WithConnector(&plugIn{j: &j}, 0))
				began := time.Now()
				require.NoError(t, f.land())
				assert.Equal(t, 3*time.Second, time.Since(began))
				assert.Equal(t, []string{"connect 1", "through", "disconnect"}, j.all())
			})
		})
	}
}

func TestG5WithoutFinishNoCallbackBeginsAfterRunReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var up atomic.Bool
		up.Store(true)
		f := takeOff(t, crew{
			idle("slow", sputnik.WithFinish(func(bool) { up.Store(false); time.Sleep(10 * time.Second) })),
			listener(&j, "a"),
		}, sputnik.WithConnector(&plugIn{j: new(journal), alive: up.Load}, time.Second))
		require.NoError(t, f.land())
		assert.NotEmpty(t, eventsOf[sputnik.ConnectionLost](f))
		assert.Equal(t, []string{"a up 1"}, j.all())
	})
}

func TestG5AnOnMsgBeyondTheTimeOfTheBacklogIsAwaited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithBlockFinishTimeout(10*time.Second),
			sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(8 * time.Second); j.add("handled") }),
			sputnik.WithFinish(func(bool) { j.add("finish") }))})
		bc.Send(sputnik.Msg{})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, f.land())
		assert.Equal(t, 8*time.Second, time.Since(began))
		assert.Equal(t, []string{"finish", "handled"}, j.all())
	})
}

func TestG6ASecondLaunchReturnsTheErrorOfTheFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			time.Sleep(time.Second)
			return errBoom
		}))})
		during := f.launch()
		first := f.landed()
		require.ErrorIs(t, first, errBoom)
		assert.Equal(t, first, during)
		assert.Equal(t, first, f.launch())
	})
}

func TestG6AFinishMessageBeforeLaunchIsHonoured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		finish := func(bc sputnik.BlockCommunicator) {
			assert.True(t, to(t, bc, sputnik.InitiatorResponsibility).Send(sputnik.FinishMsg()))
		}
		var j journal
		_, err := newFlight(t, crew{logging(&j, "a", sputnik.WithAttach(finish))})
		var fr *sputnik.FinishRequestError
		require.ErrorAs(t, err, &fr)
		assert.Equal(t, "a", fr.By.Responsibility)
		assert.Equal(t, []string{"init a", "finish a true"}, j.all())

		var bc sputnik.BlockCommunicator
		f, err := newFlight(t, crew{logging(&j, "b", handle(&bc))})
		require.NoError(t, err)
		finish(bc)
		require.NoError(t, f.launch())
		assert.Equal(t, []string{"init b", "finish b true"}, j.all()[2:])
	})
}

func TestG6AnObserverMayShootDownBeforeLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *flight
		gate := make(chan struct{})
		f, err := newFlight(t, crew{idle("a")}, sputnik.WithObserver(func(e sputnik.Event) {
			if _, ok := e.(sputnik.ProcessPrepared); ok {
				<-gate
				f.shootDown()
			}
		}))
		require.NoError(t, err)
		began := time.Now()
		close(gate)
		synctest.Wait()
		require.NoError(t, f.launch())
		assert.Zero(t, time.Since(began))
	})
}

func TestG7HalfOfWhatIsLeftIsForTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{
			idle("a", sputnik.WithFinish(func(bool) { time.Sleep(2 * time.Second) })),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
		}, sputnik.WithFinishTimeout(10*time.Second))
		began := time.Now()
		require.ErrorIs(t, f.land(), sputnik.ErrTimeout)
		assert.Equal(t, sputnik.StateFinished, f.block("a").State)
		assert.Equal(t, sputnik.StateAbandoned, f.block("hung").State)
		assert.Equal(t, 7*time.Second, time.Since(began))
		time.Sleep(2 * never)
	})
}

func TestG7TheDelayIsPartOfTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("hung", sputnik.WithBlockFinishTimeout(time.Minute),
			sputnik.WithFinish(func(bool) { time.Sleep(never) }))},
			sputnik.WithFinishDelay(5*time.Second), sputnik.WithFinishTimeout(10*time.Second))
		began := time.Now()
		require.ErrorIs(t, f.land(), sputnik.ErrTimeout)
		assert.LessOrEqual(t, time.Since(began), 11*time.Second)
		time.Sleep(2 * never)
	})
}

func TestG7ARollbackGoesOnAfterAFinishThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		began := time.Now()
		_, err := newFlight(t, crew{
			logging(&j, "a"),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
			idle("bad", sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom })),
		})
		assert.LessOrEqual(t, time.Since(began), sputnik.DefaultFinishTimeout)
		require.ErrorIs(t, err, errBoom)
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		assert.Equal(t, "hung", ae.Block.Responsibility)
		assert.Equal(t, []string{"Finish"}, ae.Callbacks)
		assert.Equal(t, []string{"init a", "finish a true"}, j.all())
		time.Sleep(2 * never)
	})
}

func TestG8NilAfterACleanFinish(t *testing.T) {
	during(t, map[string]func(f *flight, cancel func()){
		"signal":     func(f *flight, _ func()) { f.signals <- os.Interrupt },
		"shoot-down": func(f *flight, _ func()) { f.shootDown() },
		"context":    func(_ *flight, cancel func()) { cancel() },
	}, func(t *testing.T, stop func(f *flight, cancel func())) {
		ctx, cancel := context.WithCancel(t.Context())
		f := takeOff(t, crew{idle("a")}, sputnik.WithContext(ctx))
		stop(f, cancel)
		require.NoError(t, f.landed())
		cancel()
	})
}

func TestG8AFailedInitComesWithWhatWentWrongInTheRollback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := newFlight(t, crew{
			idle("a", sputnik.WithFinish(func(bool) { panic("late") })),
			idle("b", sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom })),
		})
		var fe *sputnik.FlightError
		require.ErrorAs(t, err, &fe)
		var ie *sputnik.InitError
		require.ErrorAs(t, fe.Cause, &ie)
		require.ErrorIs(t, ie, errBoom)
		require.Len(t, fe.Faults, 1)
		require.ErrorContains(t, fe.Faults[0], `block "a": Finish: panic: late`)
	})
}

func TestG9JustInsideTheWindowOfOneDelivery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(5 * time.Second) }))})
		f.signals <- os.Interrupt
		time.Sleep(249 * time.Millisecond)
		f.signals <- os.Interrupt
		require.NoError(t, f.landed())
	})
}

// Whoever keeps pressing Ctrl-C is heard: a copy does not prolong the window.
func TestG9TheWindowBeginsWithTheSignalThatCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(5 * time.Second) }))})
		for range 3 {
			f.signals <- os.Interrupt
			time.Sleep(200 * time.Millisecond)
		}
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		time.Sleep(time.Hour)
	})
}

// foreign is a context that the context package can only watch from a goroutine.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func TestG10NoGoroutineIsLeftHoweverItEnds(t *testing.T) {
	fail := sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom })
	during(t, map[string]func(t *testing.T){
		"clean, foreign context": func(t *testing.T) {
			f := takeOff(t, crew{idle("a")}, sputnik.WithContext(foreign{context.Background(), make(chan struct{})}))
			require.NoError(t, f.land())
		},
		"shoot-down in place of a launch": func(t *testing.T) {
			f, err := newFlight(t, crew{idle("a")})
			require.NoError(t, err)
			f.shootDown()
		},
		"stop before launch": func(t *testing.T) {
			f, err := newFlight(t, crew{idle("a")})
			require.NoError(t, err)
			f.signals <- os.Interrupt
			synctest.Wait()
			require.NoError(t, f.launch())
		},
		"set-up": func(t *testing.T) {
			_, err := newFlight(t, crew{idle("a"), idle("b", nil)})
			require.Error(t, err)
		},
		"Init": func(t *testing.T) {
			_, err := newFlight(t, crew{idle("a"), idle("b", fail)}, sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
			require.ErrorIs(t, err, errBoom)
		},
		"Goexit everywhere": func(t *testing.T) {
			exit := sputnik.WithOnMsg(func(sputnik.Msg) { runtime.Goexit() })
			var bc sputnik.BlockCommunicator
			f := takeOff(t, crew{idle("a", exit, handle(&bc), sputnik.WithOnConnect(func(any) { runtime.Goexit() }),
				sputnik.WithFinish(func(bool) { runtime.Goexit() }))}, sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
			bc.Send(sputnik.Msg{})
			require.ErrorIs(t, f.landed(), sputnik.ErrGoexit)
		},
	}, func(t *testing.T, flight func(t *testing.T)) {
		count := func() (int, string) {
			synctest.Wait() // whoever can still end has ended
			buf := make([]byte, 1<<20)
			all := string(buf[:runtime.Stack(buf, true)])
			return strings.Count(all, "synctest bubble"), all
		}
		before, _ := count()
		flight(t)
		after, all := count()
		require.Equal(t, before, after, all)
	})
}

func TestG11AcceptedMessagesAreHandledAfterRunFailed(t *testing.T) {
	during(t, map[string]func() error{
		"error":  func() error { return errBoom },
		"panic":  func() error { panic(errBoom) },
		"goexit": func() error { runtime.Goexit(); return nil },
	}, func(t *testing.T, fail func() error) {
		var j journal
		f := takeOff(t, crew{idle("a",
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
				for n := range 3 {
					bc.Send(sputnik.Msg{"n": n})
				}
			}),
			sputnik.WithOnMsg(func(m sputnik.Msg) { time.Sleep(time.Second); j.add("%v", m["n"]) }),
			sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				time.Sleep(500 * time.Millisecond)
				return fail()
			}))})
		var fe *sputnik.FlightError
		require.ErrorAs(t, f.landed(), &fe)
		assert.Empty(t, fe.Faults, "none is left unhandled")
		assert.Equal(t, []string{"0", "1", "2"}, j.all())
	})
}

func TestG11APanicOrGoexitInInitRollsBack(t *testing.T) {
	during(t, map[string]func(){
		"panic": func() { panic("glass") }, "goexit": runtime.Goexit,
	}, func(t *testing.T, blow func()) {
		var j journal
		_, err := newFlight(t, crew{logging(&j, "a"), logging(&j, "b", sputnik.WithInit(func(sputnik.ConfFactory) error {
			blow()
			return nil
		}))})
		var ie *sputnik.InitError
		require.ErrorAs(t, err, &ie)
		assert.Equal(t, "b", ie.Block.Responsibility)
		assert.Equal(t, "Init", ie.Callback)
		var pe *sputnik.PanicError
		if !assert.Equal(t, []string{"init a", "finish a true"}, j.all()) || ie.Err == sputnik.ErrGoexit { //nolint:errorlint // this very one
			return
		}
		require.ErrorAs(t, ie, &pe)
		assert.Equal(t, "glass", pe.Value)
		assert.Contains(t, string(pe.Stack), "TestG11APanicOrGoexitInInitRollsBack")
	})
}

// The list is long, so that a mailbox that opens too early gets its time.
func TestG12NothingBeforeRunInALongList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var early atomic.Int32
		var c crew
		for n := range 2000 {
			var opts []sputnik.BlockOption
			if n < 10 {
				var own sputnik.BlockCommunicator
				opts = append(opts,
					sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc; bc.Send(sputnik.Msg{}) }),
					sputnik.WithOnMsg(func(sputnik.Msg) {
						s, _ := sputnik.StatusOf(own)
						for _, b := range s.Blocks {
							if b.State != sputnik.StateRunning {
								early.Add(1)
							}
						}
					}))
			}
			c = append(c, idle(fmt.Sprint(n), opts...))
		}
		f := takeOff(t, c)
		assert.Zero(t, early.Load(), "every Run was started")
		require.NoError(t, f.land())
	})
}

func TestG13WhatCouldNotBeTriedIsRejected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("deaf", handle(&bc)), receiver("a", new(journal), nil)})
		assert.False(t, bc.Send(sputnik.Msg{}))
		assert.False(t, to(t, bc, "a").Send(nil))
		assert.True(t, to(t, bc, "a").Send(sputnik.Msg{}))
		require.NoError(t, f.land())
		assert.Equal(t, sputnik.MailboxStatus{Rejected: 1}, f.block("deaf").Mailbox)
		assert.Equal(t, sputnik.MailboxStatus{HighWater: 1, Accepted: 1, Handled: 1, Rejected: 1}, f.block("a").Mailbox)
	})
}

func TestG14NothingIsKeptAfterOnMsg(t *testing.T) {
	during(t, map[string][]sputnik.BlockOption{
		"unbounded": nil, "bounded": {sputnik.WithMailbox(8, sputnik.DropOldest)},
	}, func(t *testing.T, opts []sputnik.BlockOption) {
		var bc sputnik.BlockCommunicator
		gate := make(chan struct{})
		f := takeOff(t, crew{receiver("a", new(journal), gate, opts...), idle("from", handle(&bc))})
		peer := to(t, bc, "a")
		var payloads []weak.Pointer[[64]int]
		for n := range 5 {
			func() {
				payload := &[64]int{n}
				payloads = append(payloads, weak.Make(payload))
				assert.True(t, peer.Send(sputnik.Msg{"n": n, "payload": payload}))
			}()
			synctest.Wait() // the first one is in OnMsg, the others wait
		}
		close(gate)
		synctest.Wait()
		require.Equal(t, uint64(5), f.block("a").Mailbox.Handled)
		runtime.GC()
		for n, p := range payloads {
			assert.Nil(t, p.Value(), "message %d", n)
		}
		require.NoError(t, f.land())
	})
}

func TestG14SendToABoundedMailboxAllocatesNothing(t *testing.T) {
	for name, overflow := range map[string]sputnik.Overflow{
		"reject": sputnik.Reject, "drop oldest": sputnik.DropOldest, "wait": sputnik.Wait,
	} {
		t.Run(name, func(t *testing.T) {
			launched := make(chan struct{})
			var bc sputnik.BlockCommunicator
			gate := make(chan struct{})
			c := crew{
				idle("a", sputnik.WithMailbox(2, overflow), sputnik.WithOnMsg(func(sputnik.Msg) { <-gate })),
				idle("from", handle(&bc), sputnik.WithRunContext(func(ctx context.Context, own sputnik.BlockCommunicator) error {
					close(launched)
					return untilDone(ctx, own)
				})),
			}
			sp, err := sputnik.NewSputnik(append(c.options(), sputnik.WithSignals(noSignals()))...)
			require.NoError(t, err)
			launch, shootDown, err := sp.Prepare()
			require.NoError(t, err)
			done := make(chan error)
			peer := to(t, bc, "a") // before the launch, Wait doesn't wait either
			msg := sputnik.Msg{"pooled": true}
			for range 4 {
				peer.Send(msg)
			}
			n := testing.AllocsPerRun(100, func() { peer.Send(msg) })
			if overflow == sputnik.Wait {
				assert.Less(t, n, 1.0, "but for the room that it takes")
			} else {
				assert.Zero(t, n)
			}
			go func() { done <- launch() }()
			close(gate)
			<-launched
			shootDown()
			require.NoError(t, <-done)
		})
	}
}

type mute struct{ *plugIn }

func (mute) Broken() <-chan error { time.Sleep(never); return nil }

func TestG15BrokenThatHangsDoesNotHoldUpTheFinish(t *testing.T) {
	for _, since := range []time.Duration{2 * time.Second, time.Minute} {
		t.Run(fmt.Sprint(since), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(mute{&plugIn{j: new(journal)}}, time.Second))
				time.Sleep(since)
				began := time.Now()
				err := f.land()
				assert.LessOrEqual(t, time.Since(began), sputnik.DefaultConnectTimeout)
				var ae *sputnik.AbandonedError
				require.ErrorAs(t, err, &ae)
				assert.Equal(t, []string{"Broken"}, ae.Callbacks)
				time.Sleep(2 * never)
			})
		})
	}
}

func TestG15AfterAConnectionThatLastedTheBackoffBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{
			j: new(journal), alive: failsAt(time.Hour), connect: func(n int) error {
				if n <= 6 || n == 8 {
					return errBoom
				}
				return nil
			},
		}, time.Second))
		time.Sleep(2 * time.Hour)
		require.NoError(t, f.land())
		lost := eventsOf[sputnik.ConnectionLost](f)
		require.Len(t, lost, 1)
		failed := eventsOf[sputnik.ConnectFailed](f)
		require.Len(t, failed, 7)
		assert.Equal(t, lost[0].Time, failed[6].Time, "the first attempt is at once")
		assert.Equal(t, 1, failed[6].Attempt)
		assert.LessOrEqual(t, failed[6].Next, time.Second)
	})
}

func TestG16NoneWhileFinishRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var up atomic.Bool
		up.Store(true)
		f := takeOff(t, crew{listener(&j, "a", sputnik.WithFinish(func(bool) {
			up.Store(false)
			time.Sleep(5 * time.Second)
			j.add("finished")
		}))}, sputnik.WithConnector(&plugIn{j: new(journal), alive: up.Load}, time.Second))
		require.NoError(t, f.land())
		assert.NotEmpty(t, eventsOf[sputnik.ConnectionLost](f))
		assert.Equal(t, []string{"a up 1", "finished"}, j.all())
	})
}

func TestG17AConnectThatSucceedsLateIsDisconnectedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a")}, sputnik.WithConnectTimeout(time.Second),
			sputnik.WithConnector(&plugIn{j: &j, connect: func(int) error { time.Sleep(3 * time.Second); return nil }}, time.Second))
		time.Sleep(time.Minute)
		assert.Len(t, eventsOf[sputnik.ConnectorStalled](f), 1)
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connect 1", "disconnect"}, j.all())
	})
}

func TestG18ABrokenConnectionIsMadeAnewDuringTheFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) { time.Sleep(10 * time.Second); j.add("flushed") }))},
			sputnik.WithConnector(&plugIn{j: &j, alive: failsAt(3 * time.Second)}, time.Second))
		require.NoError(t, f.land())
		assert.Equal(t, []string{"connect 1", "disconnect", "connect 2", "flushed", "disconnect"}, j.all())
	})
}

func TestG18AFinishThatIsCutShortDisconnectsLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f := takeOff(t, crew{
			idle("a", sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				time.Sleep(100 * time.Millisecond)
				j.add("flushed")
				return nil
			})),
			idle("hung", sputnik.WithFinish(func(bool) { time.Sleep(never) })),
		}, sputnik.WithConnector(&plugIn{j: &j}, time.Second))
		f.signals <- os.Interrupt
		time.Sleep(time.Second)
		f.signals <- os.Interrupt
		require.ErrorIs(t, f.landed(), sputnik.ErrForced)
		assert.Equal(t, []string{"connect 1", "flushed", "disconnect"}, j.all())
		time.Sleep(2 * never)
	})
}

func TestG19DuringTheDelayAllElseGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		var ended time.Time
		f := takeOff(t, crew{receiver("a", &j, nil, handle(&bc),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				<-ctx.Done()
				ended = time.Now()
				return nil
			}))}, sputnik.WithFinishDelay(5*time.Second))
		began := time.Now()
		f.shootDown()
		time.Sleep(4 * time.Second)
		assert.False(t, f.sp.Status().Ready)
		assert.Equal(t, sputnik.StateRunning, f.block("a").State)
		assert.True(t, bc.Send(sputnik.Msg{"n": 1}))
		synctest.Wait()
		assert.Equal(t, []string{"1"}, j.all())
		require.NoError(t, f.landed())
		assert.Equal(t, 5*time.Second, ended.Sub(began))
	})
}
