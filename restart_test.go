package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// series is a member whose factory is told which instance it makes, from 1.
func series(resp string, instance func(n int) []sputnik.BlockOption) member {
	n := 0
	return member{resp, func() *sputnik.Block {
		n++
		return idle(resp, instance(n)...).make()
	}}
}

func onFailure(p sputnik.RestartPolicy) sputnik.BlockOption {
	p.When = sputnik.RestartOnFailure
	return sputnik.WithRestart(p)
}

// failAfter is a Run that fails, unless the process stops before.
func failAfter(d time.Duration, err error) sputnik.BlockOption {
	return sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d):
			return err
		}
	})
}

func TestAFailureRestartsTheBlockAndNothingElse(t *testing.T) {
	type kind struct {
		callback string
		opt      func(blow func()) sputnik.BlockOption
	}
	for _, k := range []kind{
		{"Run", func(blow func()) sputnik.BlockOption {
			return sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				time.Sleep(time.Second)
				blow()
				return errBoom
			})
		}},
		{"OnMsg", func(blow func()) sputnik.BlockOption { return sputnik.WithOnMsg(func(sputnik.Msg) { blow() }) }},
		{"OnServerConnect", func(blow func()) sputnik.BlockOption { return sputnik.WithOnConnect(func(any) { blow() }) }},
		{"OnServerDisconnect", func(blow func()) sputnik.BlockOption { return sputnik.WithOnDisconnect(blow) }},
	} {
		for how, b := range map[string]struct {
			blow func()
			is   error
		}{"panics": {func() { panic(errBoom) }, errBoom}, "exits": {runtime.Goexit, sputnik.ErrGoexit}, "errors": {func() {}, errBoom}} {
			for _, serial := range []string{"", ", serial"} {
				if how == "errors" && k.callback != "Run" {
					continue
				}
				t.Run(k.callback+" "+how+serial, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						var j journal
						var bc sputnik.BlockCommunicator
						broken := make(chan error, 1)
						f := takeOff(t, crew{logging(&j, "a"), series("b", func(n int) []sputnik.BlockOption {
							opts := []sputnik.BlockOption{
								sputnik.WithInit(func(sputnik.ConfFactory) error { j.add("init b %d", n); return nil }),
								sputnik.WithAttach(func(sputnik.BlockCommunicator) { j.add("attach b %d", n) }),
								sputnik.WithOnMsg(func(sputnik.Msg) {}),
								sputnik.WithFinish(func(init bool) { j.add("finish b %d %v", n, init) }),
								onFailure(sputnik.RestartPolicy{}),
							}
							if serial != "" {
								opts = append(opts, sputnik.WithSerialCallbacks())
							}
							if n == 1 {
								opts = append(opts, k.opt(b.blow))
							}
							return opts
						}), idle("from", handle(&bc))}, sputnik.WithConnector(pushing{&plugIn{j: new(journal)}, broken}, time.Second))
						peer := to(t, bc, "b")
						time.Sleep(time.Minute)
						broken <- errBoom
						peer.Send(sputnik.Msg{})
						time.Sleep(time.Minute)
						assert.Equal(t, []string{"init b 1", "attach b 1", "finish b 1 false", "init b 2", "attach b 2"}, j.with("init b", "attach b", "finish"))
						s := f.block("b")
						assert.Equal(t, sputnik.StateRunning, s.State)
						assert.Equal(t, 1, s.Restarts)
						require.ErrorIs(t, s.LastError, b.is)
						assert.True(t, f.sp.Status().Ready, f.sp.Status().Reason)
						assert.True(t, peer.Send(sputnik.Msg{}), "the handle is still good")
						require.NoError(t, f.land(), "a failure that a restart has cured is no fault")
						assert.Equal(t, []string{"finish b 2 false", "finish a false"}, j.with("finish")[1:])

						restarting := eventsOf[sputnik.BlockRestarting](f)
						require.Len(t, restarting, 1)
						assert.Equal(t, descriptor("b"), restarting[0].Block)
						assert.Equal(t, 1, restarting[0].Restart)
						assert.LessOrEqual(t, restarting[0].Pause, sputnik.DefaultRestartBackoff)
						var be *sputnik.BlockError
						require.ErrorAs(t, restarting[0].Err, &be)
						assert.Equal(t, k.callback, be.Callback)
						require.ErrorIs(t, be, b.is)
						assert.Len(t, eventsOf[sputnik.BlockInitialised](f), 6)
						assert.Len(t, eventsOf[sputnik.BlockRunning](f), 6)
					})
				})
			}
		}
	}
}

func TestARestartKeepsQueuedMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{sputnik.WithOnMsg(func(m sputnik.Msg) {
				time.Sleep(10 * time.Millisecond)
				j.add("%d got %v", n, m["n"])
				if m["n"] == 3 || m["n"] == 5 {
					panic(errBoom)
				}
			}), onFailure(sputnik.RestartPolicy{Backoff: time.Minute})}
		}), idle("from", handle(&bc))})
		peer := to(t, bc, "b")
		for n := range 6 {
			assert.True(t, peer.Send(sputnik.Msg{"n": n}))
		}
		time.Sleep(41 * time.Millisecond)
		assert.Equal(t, sputnik.StateRestarting, f.block("b").State)
		for n := 6; n < 10; n++ {
			assert.True(t, peer.Send(sputnik.Msg{"n": n}), "nothing is lost")
		}
		assert.Equal(t, 6, f.block("b").Mailbox.Depth)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{
			"1 got 0", "1 got 1", "1 got 2", "1 got 3", "2 got 4", "2 got 5", "3 got 6", "3 got 7", "3 got 8", "3 got 9",
		}, j.all(), "what panicked is not delivered again")
		require.NoError(t, f.land())
		box := f.block("b").Mailbox
		assert.Equal(t, uint64(10), box.Accepted)
		assert.Equal(t, uint64(10), box.Handled)
		assert.Zero(t, box.Dead+box.Rejected)
		assert.Equal(t, 2, f.block("b").Restarts)
	})
}

func TestSendersThatWaitOutlastARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			return []sputnik.BlockOption{sputnik.WithMailbox(1, sputnik.Wait), sputnik.WithOnMsg(func(m sputnik.Msg) {
				time.Sleep(time.Second)
				j.add("%d got %v", n, m["n"])
				if m["n"] == 0 {
					panic(errBoom)
				}
			}), onFailure(sputnik.RestartPolicy{Backoff: time.Minute})}
		}), idle("from", handle(&bc))})
		for n := range 5 {
			assert.True(t, to(t, bc, "b").Send(sputnik.Msg{"n": n}))
			synctest.Wait()
		}
		require.NoError(t, f.land())
		assert.Equal(t, []string{"1 got 0", "2 got 1", "2 got 2", "2 got 3", "2 got 4"}, j.all())
	})
}

func TestTwoInstancesNeverRunAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		linger := func(n int, what string, d time.Duration) {
			if n == 1 {
				time.Sleep(d)
				j.add("1 leaves %s", what)
			}
		}
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			j.add("%d made", n)
			return []sputnik.BlockOption{
				sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
					<-ctx.Done()
					if n == 1 {
						assert.ErrorIs(t, context.Cause(ctx), errBoom)
						assert.ErrorAs(t, context.Cause(ctx), new(*sputnik.BlockError))
					}
					linger(n, "Run", 3*time.Second)
					return nil
				}),
				sputnik.WithOnMsg(func(m sputnik.Msg) { linger(n, "OnMsg", 2*time.Second) }),
				sputnik.WithOnConnect(func(any) {
					time.Sleep(time.Second)
					if n == 1 {
						panic(errBoom)
					}
				}),
				sputnik.WithFinish(func(init bool) {
					j.add("%d finish %v", n, init)
					linger(n, "Finish", 4*time.Second)
				}),
				onFailure(sputnik.RestartPolicy{}),
			}
		}), idle("from", handle(&bc))}, sputnik.WithConnector(&plugIn{j: new(journal)}, 0))
		to(t, bc, "b").Send(sputnik.Msg{})
		to(t, bc, "b").Send(sputnik.Msg{})
		time.Sleep(time.Minute)
		assert.Equal(t, []string{
			"1 made", "1 finish false", "1 leaves OnMsg", "1 leaves Run", "1 leaves Finish", "2 made",
		}, j.all())
		require.NoError(t, f.land())
		assert.Equal(t, uint64(2), f.block("b").Mailbox.Handled)
	})
}

func TestABlockWhoseOldGoroutinesHangIsNotRestarted(t *testing.T) {
	hang := func() { time.Sleep(never) }
	type kind struct {
		opts  []sputnik.BlockOption
		stuck string
		after time.Duration
	}
	during(t, map[string]kind{
		"Run":          {[]sputnik.BlockOption{sputnik.WithRun(func(sputnik.BlockCommunicator) { hang() }), sputnik.WithRunContext(nil)}, "Run", 5 * time.Second},
		"Finish":       {[]sputnik.BlockOption{sputnik.WithFinish(func(bool) { hang() })}, "Finish", 5 * time.Second},
		"OnMsg":        {[]sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) { hang() })}, "OnMsg", 5 * time.Second},
		"limit of own": {[]sputnik.BlockOption{sputnik.WithBlockFinishTimeout(time.Second), sputnik.WithFinish(func(bool) { hang() })}, "Finish", time.Second},
	}, func(t *testing.T, k kind) {
		var j journal
		f := takeOff(t, crew{logging(&j, "a"), series("b", func(n int) []sputnik.BlockOption {
			j.add("made %d", n)
			return append([]sputnik.BlockOption{
				sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }),
				sputnik.WithOnMsg(func(sputnik.Msg) {}), sputnik.WithFinish(func(bool) {}),
				sputnik.WithOnConnect(func(any) { time.Sleep(time.Second); panic(errBoom) }),
				onFailure(sputnik.RestartPolicy{}),
			}, k.opts...)
		})}, sputnik.WithConnector(&plugIn{j: new(journal)}, 0), sputnik.WithFinishTimeout(10*time.Second))
		began := time.Now()
		err := f.landed()
		assert.InDelta(t, 1+k.after.Seconds(), time.Since(began).Seconds(), 0.1)
		var ae *sputnik.AbandonedError
		require.ErrorAs(t, err, &ae)
		assert.Equal(t, descriptor("b"), ae.Block)
		assert.Equal(t, []string{k.stuck}, ae.Callbacks)
		require.ErrorIs(t, err, errBoom, "what it began with is told as well")
		assert.Equal(t, sputnik.StateAbandoned, f.block("b").State)
		assert.Equal(t, []string{"made 1"}, j.with("made"))
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		time.Sleep(2 * never)
	})
}

func TestTwoFailuresOfOneInstanceAreOneRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{sputnik.WithOnMsg(func(sputnik.Msg) {}), onFailure(sputnik.RestartPolicy{})}
			if n == 1 {
				opts = append(opts, failAfter(time.Second, errBoom),
					sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { bc.Send(sputnik.Msg{}) }),
					sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(time.Second); panic("as well") }),
					sputnik.WithFinish(func(bool) { panic("and again") }))
			}
			return opts
		})})
		time.Sleep(time.Hour)
		assert.Len(t, eventsOf[sputnik.BlockRestarting](f), 1)
		assert.Equal(t, 1, f.block("b").Restarts)
		assert.Equal(t, sputnik.StateRunning, f.block("b").State)
		f.shootDown()
		<-f.result
	})
}

func TestAnInstanceThatDoesNotComeUpIsAFurtherFailure(t *testing.T) {
	type kind struct {
		bad      func() *sputnik.Block
		finishes int
	}
	var finished atomic.Int32
	with := func(opt sputnik.BlockOption) func() *sputnik.Block {
		return receiver("b", new(journal), nil, onFailure(sputnik.RestartPolicy{}), sputnik.WithFinish(func(init bool) {
			if init {
				finished.Add(1)
			}
		}), opt).make
	}
	during(t, map[string]kind{
		"factory panics": {func() *sputnik.Block { panic(errBoom) }, 0},
		"factory exits":  {func() *sputnik.Block { runtime.Goexit(); return nil }, 0},
		"nil block":      {func() *sputnik.Block { return nil }, 0},
		"bad block":      {func() *sputnik.Block { return sputnik.NewBlock(onFailure(sputnik.RestartPolicy{})) }, 0},
		"Init errors":    {with(sputnik.WithInit(func(sputnik.ConfFactory) error { return errBoom })), 0},
		"Init panics":    {with(sputnik.WithInit(func(sputnik.ConfFactory) error { panic(errBoom) })), 0},
		"Init exits":     {with(sputnik.WithInit(func(sputnik.ConfFactory) error { runtime.Goexit(); return nil })), 0},
		"Attach panics":  {with(sputnik.WithAttach(func(sputnik.BlockCommunicator) { panic(errBoom) })), 1},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		finished.Store(0)
		n := 0
		f := takeOff(t, crew{member{"b", func() *sputnik.Block {
			n++
			switch n {
			case 1:
				return idle("b", onFailure(sputnik.RestartPolicy{}), sputnik.WithOnMsg(func(m sputnik.Msg) { panic(m["n"]) })).make()
			case 2, 3:
				return k.bad()
			}
			return receiver("b", &j, nil, onFailure(sputnik.RestartPolicy{})).make()
		}}, idle("from", handle(&bc))})
		for i := range 3 {
			to(t, bc, "b").Send(sputnik.Msg{"n": i})
		}
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"1", "2"}, j.all())
		restarting := eventsOf[sputnik.BlockRestarting](f)
		require.Len(t, restarting, 3)
		for i, e := range restarting {
			assert.Equal(t, i+1, e.Restart)
			assert.Error(t, e.Err)
		}
		assert.Equal(t, int32(2*k.finishes), finished.Load())
		require.NoError(t, f.land())
	})
}

func TestAStormOfRestartsEndsTheProcessWithItsFirstCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		first := errors.New("failure 1")
		f := takeOff(t, crew{logging(&j, "a"), series("b", func(n int) []sputnik.BlockOption {
			j.add("made %d", n)
			err := first
			if n > 1 {
				err = fmt.Errorf("failure %d", n)
			}
			return []sputnik.BlockOption{failAfter(time.Second, err), onFailure(sputnik.RestartPolicy{Max: 3, Window: time.Hour})}
		})})
		err := f.landed()
		assert.Equal(t, []string{"made 1", "made 2", "made 3", "made 4"}, j.with("made"))
		var re *sputnik.RestartError
		require.ErrorAs(t, err, &re)
		assert.Equal(t, descriptor("b"), re.Block)
		assert.Equal(t, time.Hour, re.Window)
		assert.Equal(t, 3, re.Count)
		require.ErrorIs(t, re.Err, first)
		require.ErrorAs(t, re.Err, new(*sputnik.BlockError))
		for _, word := range []string{`"b"`, "3", "failure 1"} {
			assert.ErrorContains(t, re, word)
		}
		var fe *sputnik.FlightError
		require.ErrorAs(t, err, &fe)
		require.ErrorAs(t, fe.Cause, new(*sputnik.RestartError))
		assert.Equal(t, []string{"finish a false", "ran a"}, j.with("finish", "ran"))
		require.ErrorAs(t, f.sp.Status().Cause, new(*sputnik.RestartError))
	})
}

func TestRestartsLongAgoDoNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := errors.New("first of the storm")
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			opts := []sputnik.BlockOption{onFailure(sputnik.RestartPolicy{Max: 2, Window: time.Minute})}
			switch {
			case n < 100:
				return append(opts, failAfter(35*time.Second, errBoom)) // at most two in any minute
			case n == 100:
				return append(opts, failAfter(2*time.Minute, first))
			}
			return append(opts, failAfter(time.Second, errBoom))
		})})
		time.Sleep(99 * 36 * time.Second)
		assert.True(t, f.sp.Status().Live)
		err := f.landed()
		var re *sputnik.RestartError
		require.ErrorAs(t, err, &re)
		require.ErrorIs(t, re.Err, first)
		restarting := eventsOf[sputnik.BlockRestarting](f)
		assert.Len(t, restarting, 101)
		for _, e := range restarting[:99] {
			assert.LessOrEqual(t, e.Restart, 2)
		}
		assert.Equal(t, 1, restarting[99].Restart, "a new storm")
	})
}

func TestTheFirstFailureOfAStormIsWithinItsWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{series("b", func(n int) []sputnik.BlockOption {
			after := 40 * time.Second // never a whole minute without one
			if n >= 100 {
				after = time.Second
			}
			return []sputnik.BlockOption{failAfter(after, fmt.Errorf("<%d>", n)), onFailure(sputnik.RestartPolicy{Backoff: 1, BackoffCap: 1})}
		})})
		err := f.landed()
		var re *sputnik.RestartError
		require.ErrorAs(t, err, &re)
		assert.Equal(t, sputnik.DefaultRestartMax, re.Count)
		assert.ErrorContains(t, re.Err, "<98>", "40 s and four times 1 s before the last")
		assert.NotContains(t, err.Error(), "<1>", "it was cured long ago")
	})
}
