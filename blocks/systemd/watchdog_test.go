package systemd

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

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
		connects := 0
		sputniktest.Await(f, func(sputnik.Connected) bool { connects++; return connects == 2 })
		m.forget()
		pass(limit - time.Second)
		assert.NotContains(t, m.logged(), "withheld", "it may be about to get on")
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

// Between a failure and the next instance nothing is handled, for as long as the policy says.
func TestMailboxOfABlockThatRestarts(t *testing.T) {
	const years = 100_000 * time.Hour // a random part of it
	synctest.Test(t, func(t *testing.T) {
		m := newManager(10 * time.Second)
		failing := worker(func(sputnik.Msg) { panic("once more") }, sputnik.WithRestart(sputnik.RestartPolicy{
			When: sputnik.RestartOnFailure, Backoff: years, BackoffCap: years,
		}))
		conf := sputniktest.Conf(t, map[string]string{Name: "watchdog_progress: [failing]"})
		f := sputniktest.New(t, sputnik.WithConfFactory(conf)).Add(Name, m.block).Add("failing", failing).Launch()
		for range 3 {
			f.Send("failing", sputnik.Msg{})
		}
		pass(2 * time.Minute)
		assert.Equal(t, sputnik.StateRestarting, f.Block("failing").State)
		assert.NotContains(t, m.logged(), "withheld")
		assert.Contains(t, m.last(t), `block "failing" is being restarted`)
		require.Error(t, f.Stop())
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
