package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(0)
		f := sputniktest.New(t).Add(Name, m.block).Add("worker", worker(nil)).Launch()
		pass(time.Minute)
		f.Signals.Terminate()
		require.NoError(t, f.Wait())
		ready, stopping := m.with("READY=1"), m.with("STOPPING=1")
		require.Len(t, ready, 1)
		require.Len(t, stopping, 1)
		assert.LessOrEqual(t, ready[0].at, time.Second)
		assert.Equal(t, time.Minute, stopping[0].at)
		assert.Contains(t, m.texts(), "READY=1\nSTATUS=running, 3 blocks")
		assert.Contains(t, m.texts(), "STOPPING=1\nSTATUS=stopping: signal terminated")
		assert.False(t, m.has("WATCHDOG"))
		assert.False(t, m.has("RELOADING"))
	})
}

func TestNotReadyYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(0)
		server := sputniktest.NewServer(t)
		server.Down()
		f := sputniktest.New(t, sputnik.WithConnector(server, 5*time.Second)).Add(Name, m.block).Launch()
		pass(10 * time.Minute)
		assert.False(t, m.has("READY"))
		assert.Contains(t, m.last(t), "no connection to the server: attempt ")
		assert.Contains(t, m.last(t), "the server is down")
		all := m.with("STATUS")
		for i := range all[1:] {
			require.GreaterOrEqual(t, all[i+1].at-all[i].at, time.Second, "more than one STATUS in a second")
		}

		server.Up()
		f.Ready()
		pass(2 * time.Second)
		require.Len(t, m.with("READY"), 1)
		assert.Equal(t, "running, 2 blocks, connected", m.last(t))

		server.Down()
		pass(2 * time.Second)
		assert.Contains(t, m.last(t), "no connection to the server")
		server.Up()
		pass(time.Hour)
		assert.Len(t, m.with("READY"), 1, "READY=1 is told once")
		assert.Equal(t, "running, 2 blocks, connected", m.last(t))
		require.NoError(t, f.Stop())
	})
}

type reload struct{}

func (reload) Error() string   { return "SIGHUP" }
func (reload) Reloading() bool { return true }

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(30 * time.Second)
		for flight := range 2 {
			ctx, end := context.WithCancelCause(t.Context())
			f := sputniktest.New(t, sputnik.WithContext(ctx)).Add(Name, m.block).Add("worker", worker(nil)).Launch()
			pass(5 * time.Minute)
			end(fmt.Errorf("asked for: %w", reload{}))
			require.NoError(t, f.Wait())
			require.Len(t, m.with("READY"), flight+1, "each flight tells that it is ready")
		}
		assert.False(t, m.has("STOPPING"))
		assert.Len(t, m.with("RELOADING"), 2)
		assert.Len(t, m.with("MONOTONIC_USEC=12345"), 2)
		assert.Equal(t, "reloading: context ended: asked for: SIGHUP", m.last(t))
		pings := m.with("WATCHDOG=1")
		assert.Equal(t, 10*time.Minute, pings[len(pings)-1].at, "the next flight needs time until it can tell")
	})
}

func TestWatchdogAtHalfOfItsTime(t *testing.T) {
	for _, limit := range []time.Duration{30 * time.Second, 5 * time.Second, time.Second, 100 * time.Millisecond} {
		t.Run(limit.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newManager(limit)
				server := sputniktest.NewServer(t)
				server.Down() // liveness doesn't depend on the server
				f := sputniktest.New(t, sputnik.WithConnector(server, time.Second)).Add(Name, m.block).Launch()
				pass(20*limit + limit/100)
				pings := m.with("WATCHDOG")
				for i := range pings[1:] {
					require.LessOrEqual(t, pings[i+1].at-pings[i].at, limit/2)
				}
				assert.InDelta(t, 41, len(pings), 11)
				require.NoError(t, f.Stop())
			})
		})
	}
}

func TestNoWatchdogOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(time.Second)
		m.env["WATCHDOG_PID"] = "41"
		f := sputniktest.New(t).Add(Name, m.block).Launch()
		pass(time.Minute)
		require.NoError(t, f.Stop())
		assert.False(t, m.has("WATCHDOG"))
		assert.True(t, m.has("READY"))
	})
}

func TestStalledBlockWithholdsTheWatchdog(t *testing.T) {
	const limit = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		m, free := newManager(limit), make(chan struct{})
		stuck := worker(func(sputnik.Msg) { <-free }, sputnik.WithBlockWatchdog(time.Second))
		f := sputniktest.New(t).Add(Name, m.block).Add("stuck", stuck).Launch()
		pass(time.Minute)
		f.Send("stuck", sputnik.Msg{})
		pass(limit)
		m.forget()
		pass(10 * limit)
		assert.False(t, m.has("WATCHDOG"), "told while a block is stalled")
		assert.Contains(t, m.logged(), `level=WARN msg="watchdog withheld" block=systemd reason="block \"stuck\": OnMsg runs for too long"`)
		assert.Equal(t, 1, strings.Count(m.logged(), "withheld"), "said once")

		close(free)
		pass(3 * time.Second)
		require.Len(t, m.with("WATCHDOG"), 1, "at once when the block turns again")
		assert.Equal(t, "running, 3 blocks", m.last(t))
		assert.Contains(t, m.logged(), "watchdog resumed")
		require.NoError(t, f.Stop())
	})
}

func TestStatusSaysWhyTheWatchdogIsWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newManager(10*time.Second), make(chan struct{})
		stuck := worker(func(sputnik.Msg) { <-free }, sputnik.WithBlockWatchdog(time.Second))
		f := sputniktest.New(t).Add(Name, m.block).Add("stuck", stuck).Launch()
		f.Send("stuck", sputnik.Msg{})
		pass(time.Minute)
		assert.Equal(t, `watchdog withheld: block "stuck": OnMsg runs for too long; running, 3 blocks`, m.last(t))
		close(free)
		require.NoError(t, f.Stop())
	})
}

func TestIgnoredBlockMayStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newManager(10*time.Second), make(chan struct{})
		stuck := worker(func(sputnik.Msg) { <-free }, sputnik.WithBlockWatchdog(time.Second))
		conf := sputniktest.Conf(t, map[string]string{Name: "watchdog_ignore: [stuck]"})
		f := sputniktest.New(t, sputnik.WithConfFactory(conf)).Add(Name, m.block).Add("stuck", stuck).Launch()
		f.Send("stuck", sputnik.Msg{})
		pass(time.Minute)
		m.forget()
		pass(time.Minute)
		assert.GreaterOrEqual(t, len(m.with("WATCHDOG")), 12)
		assert.NotContains(t, m.logged(), "withheld")
		close(free)
		require.NoError(t, f.Stop())
	})
}

// A sink that waits for its server is no reason to kill the process, and to lose what waits in it.
func TestStallWhileTheServerIsAway(t *testing.T) {
	const limit = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		m, server, free := newManager(limit), sputniktest.NewServer(t), make(chan struct{})
		sink := worker(func(sputnik.Msg) { <-free }, sputnik.WithBlockWatchdog(time.Second))
		f := sputniktest.New(t, sputnik.WithConnector(server, time.Second)).Add(Name, m.block).Add("sink", sink).Launch().Ready()
		server.Down()
		f.Send("sink", sputnik.Msg{})
		pass(time.Hour)
		assert.NotContains(t, m.logged(), "withheld")

		server.Up()
		m.forget()
		pass(time.Hour)
		assert.Contains(t, m.logged(), "withheld", "it stands still although the server is there")
		assert.NotEmpty(t, m.with("WATCHDOG"), "a stall right after the connect may be one that is just ending")
		assert.Less(t, len(m.with("WATCHDOG")), 30)
		close(free)
		require.NoError(t, f.Stop())
	})
}

func TestMailboxThatMustGetOn(t *testing.T) {
	const limit = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		m, next := newManager(limit), make(chan struct{})
		sink := worker(func(sputnik.Msg) { <-next }) // the engine's watchdog takes 30 s
		conf := sputniktest.Conf(t, map[string]string{Name: "watchdog_progress: [sink]"})
		f := sputniktest.New(t, sputnik.WithConfFactory(conf)).Add(Name, m.block).Add("sink", sink).Launch()
		pass(time.Minute)
		for range 30 {
			f.Send("sink", sputnik.Msg{})
		}
		for range 20 { // slow, but it gets on
			pass(4 * time.Second)
			next <- struct{}{}
		}
		assert.NotContains(t, m.logged(), "withheld")
		pass(15 * time.Second)
		assert.Contains(t, m.logged(), `block \"sink\": messages wait, and none is handled`)
		m.forget()
		close(next)
		pass(2 * time.Second)
		assert.Len(t, m.with("WATCHDOG"), 1)
		require.NoError(t, f.Stop())
	})
}

func TestCircleOfBlocksWithholdsTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(10 * time.Second)
		f := sputniktest.New(t).Add(Name, m.block).Add("a", asks("b")).Add("b", asks("a")).Launch()
		f.Send("a", sputnik.Msg{"ask": true})
		pass(8 * time.Second) // less than the engine's watchdog needs to find a stall
		assert.Contains(t, m.logged(), "blocks wait for each other: ")
		require.NoError(t, f.Stop())
	})
}

// asks makes a block whose OnMsg asks another one and waits for the answer.
func asks(whom string) sputnik.BlockFactory {
	return func() *sputnik.Block {
		var self sputnik.BlockCommunicator
		return worker(func(sputnik.Msg) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if other, ok := self.Communicator(whom); ok {
				_, _ = sputnik.Request(ctx, other, sputnik.Msg{})
			}
		}, sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { self = bc }))()
	}
}

func TestFinishThatGetsOnIsExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(0)
		slow := worker(func(sputnik.Msg) { time.Sleep(1500 * time.Millisecond) }, sputnik.WithBlockFinishTimeout(time.Hour))
		f := sputniktest.New(t, sputnik.WithFinishTimeout(2*time.Hour)).Add(Name, m.block).Add("slow", slow).Launch()
		for range 100 {
			f.Send("slow", sputnik.Msg{})
		}
		m.forget()
		require.NoError(t, f.Stop())
		require.Len(t, m.with("STOPPING"), 1)
		extended := m.with("EXTEND_TIMEOUT_USEC=5000000")
		assert.InDelta(t, 100, len(extended), 5)
		at := m.with("STOPPING")[0].at
		for _, e := range extended {
			assert.Greater(t, e.at, m.with("STOPPING")[0].at)
			assert.LessOrEqual(t, e.at-at, 5*time.Second, "late")
			at = e.at
		}
	})
}

func TestFinishThatStandsStillIsNotExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newManager(10*time.Second), make(chan struct{})
		stuck := worker(func(sputnik.Msg) { <-free }, sputnik.WithBlockFinishTimeout(30*time.Minute))
		f := sputniktest.New(t, sputnik.WithFinishTimeout(time.Hour)).Add(Name, m.block).Add("stuck", stuck).Launch()
		f.Send("stuck", sputnik.Msg{})
		f.ShootDown()
		pass(5 * time.Second)
		m.forget()
		pass(5 * time.Minute)
		assert.False(t, m.has("EXTEND"))
		assert.LessOrEqual(t, len(m.with("WATCHDOG")), 2)
		assert.Contains(t, m.last(t), "watchdog withheld: the finish makes no progress; stopping: shoot-down")
		close(free)
		require.NoError(t, f.Wait())
	})
}

// Nothing happens for an hour: the finish that then begins isn't one that stands still.
func TestFinishAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(10 * time.Second)
		f := sputniktest.New(t, sputnik.WithFinishDelay(5*time.Second)).Add(Name, m.block).Launch()
		pass(time.Hour)
		require.NoError(t, f.Stop())
		assert.NotContains(t, m.logged(), "withheld")
	})
}

func TestMessageThatCantBeSentComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(0)
		m.fail(errors.New("no such socket"))
		f := sputniktest.New(t).Add(Name, m.block).Launch()
		pass(time.Minute)
		assert.Equal(t, 1, strings.Count(m.logged(), "can't be notified"), "said once")
		assert.Contains(t, m.logged(), `error="no such socket"`)
		m.fail(nil)
		pass(time.Second)
		assert.Equal(t, []string{"READY=1\nSTATUS=running, 2 blocks"}, m.texts())
		assert.Contains(t, m.logged(), "can be notified again")
		require.NoError(t, f.Stop())
	})
}

func TestEngineWithoutAnswerWithholdsTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, answer := newManager(0), make(chan struct{})
		w := watcher{
			log: m.logger(), send: m.take,
			look: looker{ask: func() sputnik.Status { <-answer; return sputnik.Status{Ready: true} }},
			tell: teller{conf: DefaultConf(), watchdog: 10 * time.Second, tick: time.Second},
		}
		w.step()
		w.step()
		assert.Equal(t, []string{"STATUS=watchdog withheld: the engine gives no status"}, m.texts())
		assert.Contains(t, m.logged(), "the engine gives no status")
		close(answer)
		w.step()
		assert.True(t, m.has("READY"))
		assert.True(t, m.has("WATCHDOG"))
		w.look.close()
	})
}
