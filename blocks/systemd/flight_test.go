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
		f := sputniktest.New(t).Add(Name, m.block).Add("slow", worker(func(sputnik.Msg) { time.Sleep(5 * time.Second) })).Launch()
		pass(90 * time.Second)
		f.Send("slow", sputnik.Msg{})
		f.Signals.Terminate()
		require.NoError(t, f.Wait())
		ready, stopping := m.with("READY=1"), m.with("STOPPING=1")
		require.Len(t, ready, 1)
		require.Len(t, stopping, 1)
		assert.Equal(t, time.Duration(0), ready[0].at, "at once")
		assert.Equal(t, 90*time.Second, stopping[0].at, "at once, although a block takes its time to finish")
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

		server.Up()
		f.Ready()
		synctest.Wait()
		require.Len(t, m.with("READY"), 1, "at once")
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
			pass(5*time.Minute + 7*time.Second)
			end(fmt.Errorf("asked for: %w", reload{}))
			require.NoError(t, f.Wait())
			require.Len(t, m.with("READY"), flight+1, "each flight tells that it is ready")
		}
		assert.False(t, m.has("STOPPING"))
		assert.Len(t, m.with("RELOADING"), 2)
		assert.Len(t, m.with("MONOTONIC_USEC=12345"), 2)
		assert.Equal(t, "reloading: context ended: asked for: SIGHUP", m.last(t))
		pings := m.with("WATCHDOG=1")
		assert.Equal(t, 10*time.Minute+14*time.Second, pings[len(pings)-1].at, "the next flight needs time until it can tell")
	})
}

// The reason counts down to the next attempt, and the short watchdog has the process looked at often.
func TestStatusAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server := newManager(400*time.Millisecond), sputniktest.NewServer(t)
		server.Down()
		f := sputniktest.New(t, sputnik.WithConnector(server, 20*time.Second)).Add(Name, m.block).Launch()
		pass(time.Minute)
		all := m.with("STATUS")
		assert.Greater(t, len(all), 30)
		for i := range all[1:] {
			require.GreaterOrEqual(t, all[i+1].at-all[i].at, time.Second)
		}
		require.NoError(t, f.Stop())
	})
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
			assert.GreaterOrEqual(t, e.at, m.with("STOPPING")[0].at)
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
		pass(time.Hour + 2*time.Second) // WATCHDOG=1 falls due before the delay is over
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
