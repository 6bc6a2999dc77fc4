package sputnik_test

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestG19LiveNeverDependsOnTheServerReadyDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var up atomic.Bool
		opts := append(crew{idle("a")}.options(), sputnik.WithSignals(noSignals()),
			sputnik.WithConnector(&plugIn{j: &j, alive: failsAt(time.Minute), connect: func(int) error {
				if !up.Load() {
					return errBoom
				}
				return nil
			}}, time.Second))
		sp, err := sputnik.NewSputnik(opts...)
		require.NoError(t, err)
		look := func(live, ready bool, reason string) {
			t.Helper()
			s := sp.Status()
			assert.Equal(t, live, s.Live)
			assert.Equal(t, ready, s.Ready)
			if assert.Equal(t, ready, s.Reason == "", s.Reason) {
				assert.Contains(t, s.Reason, reason)
			}
		}
		look(false, false, "not prepared")
		launch, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		look(true, false, "not launched yet")
		done := make(chan error)
		go func() { done <- launch() }()
		synctest.Wait()
		look(true, false, "no connection to the server: attempt 2 follows in ")
		look(true, false, "last error: boom")
		up.Store(true)
		time.Sleep(30 * time.Second)
		look(true, true, "")
		up.Store(false)
		time.Sleep(time.Minute)
		look(true, false, "no connection to the server")
		assert.Equal(t, sputnik.StateDisconnected, sp.Status().Connection.State)
		assert.Greater(t, sp.Status().Connection.Attempt, 1)
		shootDown()
		require.NoError(t, <-done)
		look(false, false, "stopped: shoot-down")
	})
}

func TestG19ReadyTurnsFalseBeforeAnythingElseThenComesTheDelay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *flight
		var order []string
		watch := sputnik.WithObserver(func(e sputnik.Event) {
			switch e := e.(type) {
			case sputnik.ReadyChanged:
				order = append(order, "ready "+map[bool]string{true: "yes", false: "no"}[e.Ready])
			case sputnik.ProcessFinishing:
				order = append(order, "finishing")
			case sputnik.BlockFinishing:
				order = append(order, e.Block.Responsibility)
			}
		})
		var closed, began time.Time
		f = takeOff(t, crew{idle("a", sputnik.WithFinish(func(bool) {
			closed = time.Now()
			assert.False(t, f.sp.Status().Ready)
		}))}, watch, sputnik.WithFinishDelay(5*time.Second))
		assert.True(t, f.sp.Status().Ready)
		began = time.Now()
		f.shootDown()
		assert.False(t, f.sp.Status().Ready, "at once, before the engine has even woken up")
		require.NoError(t, f.landed())
		assert.Equal(t, 5*time.Second, closed.Sub(began))
		assert.Equal(t, []string{"ready yes", "ready no", "finishing", "a", "finisher"}, order)
	})
}

func TestG19AFailedBlockIsNotReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := takeOff(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
			time.Sleep(time.Second)
			return errBoom
		}))}, sputnik.WithFinishDelay(time.Second))
		time.Sleep(1500 * time.Millisecond)
		s := f.sp.Status()
		assert.True(t, s.Live)
		assert.False(t, s.Ready)
		assert.Equal(t, `stopping: block "a": Run: boom`, s.Reason)
		assert.Equal(t, sputnik.StateFailed, f.block("a").State)
		require.ErrorIs(t, f.block("a").LastError, errBoom)
		require.Error(t, f.landed())
	})
}

func TestStatusOfIsForBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc))})
		s, ok := sputnik.StatusOf(bc)
		require.True(t, ok)
		assert.Equal(t, f.sp.Status(), s)
		require.NoError(t, f.land())
		_, ok = sputnik.StatusOf(mock{})
		assert.False(t, ok)
	})
}

func TestABlockObservesItsProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var early, late []sputnik.Event
		c := crew{idle("a", handle(&bc))}
		sp, err := sputnik.NewSputnik(append(c.options(), sputnik.WithSignals(make(chan os.Signal)))...) // no other observer
		require.NoError(t, err)
		launch, shootDown, err := sp.Prepare()
		require.NoError(t, err)
		_, ok := sputnik.Observe(bc, func(e sputnik.Event) { early = append(early, e) })
		require.True(t, ok, "before the launch")
		landed := make(chan error)
		go func() { landed <- launch() }()
		synctest.Wait()
		stop, ok := sputnik.Observe(bc, func(e sputnik.Event) { late = append(late, e) })
		require.True(t, ok)
		stopped, ok := sputnik.Observe(bc, func(sputnik.Event) { t.Error("called after stop") })
		require.True(t, ok)
		stopped()
		shootDown()
		require.NoError(t, <-landed)
		stop()
		require.IsType(t, sputnik.BlockRunning{}, early[0])
		require.False(t, early[0].When().IsZero())
		require.IsType(t, sputnik.ProcessFinished{}, early[len(early)-1])
		require.IsType(t, sputnik.ReadyChanged{}, late[0], "that the end begins")
		_, ok = sputnik.Observe(bc, func(sputnik.Event) {})
		require.False(t, ok, "it has ended")
		_, ok = sputnik.Observe(mock{}, func(sputnik.Event) {})
		require.False(t, ok)
	})
}

type mock struct{}

func (mock) Communicator(string) (sputnik.BlockCommunicator, bool) { return mock{}, true }
func (mock) Descriptor() sputnik.BlockDescriptor                   { return sputnik.BlockDescriptor{} }
func (mock) Send(sputnik.Msg) bool                                 { return false }

func TestEventsAreLoggedWithTheirOwnTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }))},
			sputnik.WithLogger(logger), sputnik.WithLogger(nil))
		bc.Send(sputnik.Msg{})
		require.Error(t, f.landed())
		text := out.String()
		for _, want := range []string{
			`level=INFO msg="block initialised" block=a`,
			`level=DEBUG msg="block running" block=a`,
			`level=INFO msg=ready`,
			`level=ERROR msg="block failed" block=a error="block \"a\": OnMsg: panic: boom" stacks="goroutine`,
			`level=INFO msg="process finishing" cause="block \"a\": OnMsg: panic: boom"`,
			`level=INFO msg="block finished" block=a handled=1`,
			`level=ERROR msg="process finished"`,
		} {
			assert.Contains(t, text, want)
		}
		for line := range strings.Lines(text) {
			assert.True(t, strings.HasPrefix(line, "time=2000-01-01T00:00:00.000Z"), line)
		}
	})
}

// Every exported struct that embeds At has to say how it is logged, in words of its own.
func TestEveryEventHasASinkCase(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	require.NoError(t, err)
	words := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || !spec.Name.IsExported() {
			return true
		}
		s, ok := spec.Type.(*ast.StructType)
		if !ok || len(s.Fields.List) == 0 {
			return true
		}
		if id, ok := s.Fields.List[0].Type.(*ast.Ident); !ok || id.Name != "At" {
			return true
		}
		for i, f := range s.Fields.List {
			if f.Tag == nil || f.Tag.Value == "`log:\"brief\"`" {
				assert.NotZero(t, i, "%s: no tag on At", spec.Name)
				continue
			}
			if !assert.Regexp(t, "^`log:\"(debug|info|warn|error) [a-z][a-z :,]+\"`$", f.Tag.Value, spec.Name) {
				continue
			}
			if other, taken := words[f.Tag.Value]; taken {
				t.Errorf("%s: %s says the same", spec.Name, other)
			}
			words[f.Tag.Value] = spec.Name.Name
		}
		return true
	})
	assert.Greater(t, len(words), 20)
}

func TestObserversCannotHoldUpTheEngine(t *testing.T) {
	during(t, map[string]struct {
		observe func(sputnik.Event)
		want    string
		took    time.Duration
	}{
		"hangs":  {func(sputnik.Event) { time.Sleep(never) }, "observer: time limit exceeded", time.Second},
		"panics": {func(sputnik.Event) { panic(errBoom) }, "observer: panic: boom", 0},
	}, func(t *testing.T, k struct {
		observe func(sputnik.Event)
		want    string
		took    time.Duration
	},
	) {
		var j journal
		f := takeOff(t, crew{logging(&j, "a")}, sputnik.WithObserver(k.observe))
		began := time.Now()
		err := f.land()
		require.ErrorContains(t, err, k.want)
		require.ErrorIs(t, err, sputnik.ErrShootDown)
		assert.Equal(t, k.took, time.Since(began))
		assert.Equal(t, []string{"init a", "run a", "finish a false", "ran a"}, j.all())
		for range 20 {
			time.Sleep(2 * never)
		}
	})
}

func TestAllObserversGetAllEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := 0
		f := takeOff(t, crew{idle("a")}, sputnik.WithObserver(func(e sputnik.Event) {
			if _, ok := e.(sputnik.ProcessRunning); ok {
				runtime.Goexit()
			}
		}), sputnik.WithObserver(func(sputnik.Event) { n++ }))
		require.ErrorIs(t, f.land(), sputnik.ErrGoexit)
		assert.Len(t, eventsOf[sputnik.Event](f), n)
	})
}

// An error may be anybody's code: nothing is locked while it is put in words.
type rebel struct{ f **flight }

func (e rebel) Error() string { (*e.f).shootDown(); return "boom" }

func TestErrorsMayCallBack(t *testing.T) {
	t.Run("a block's", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			var f *flight
			f, err := newFlight(t, crew{idle("a", sputnik.WithRunContext(func(context.Context, sputnik.BlockCommunicator) error {
				return rebel{&f}
			}))})
			require.NoError(t, err)
			f.start()
			assert.NotEmpty(t, f.sp.Status().Reason) // the words for an observer may have come before the stop
			require.ErrorContains(t, f.landed(), "boom")
		})
	})
	t.Run("a plug-in's", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			var f *flight
			f, err := newFlight(t, crew{idle("a")}, sputnik.WithConnector(&plugIn{j: new(journal), connect: func(int) error { return rebel{&f} }}, 0))
			require.NoError(t, err)
			f.start()
			assert.NotEmpty(t, f.sp.Status().Reason)
			f.shootDown() // if nobody has asked for the words yet
			require.NoError(t, f.landed())
		})
	})
}

func TestEachEventIsLoggedInWordsOfItsOwn(t *testing.T) {
	at := sputnik.At{Time: time.Unix(0, 0).UTC()}
	block := sputnik.BlockDescriptor{Name: "name", Responsibility: "resp"}
	events := map[string]sputnik.Event{
		`INFO msg="process prepared" blocks=3 took=1s`:                         sputnik.ProcessPrepared{At: at, Blocks: 3, Took: time.Second},
		`INFO msg="process running"`:                                           sputnik.ProcessRunning{At: at},
		`INFO msg=ready`:                                                       sputnik.ReadyChanged{At: at, Ready: true},
		`INFO msg="not ready" reason=why`:                                      sputnik.ReadyChanged{At: at, Reason: "why"},
		`INFO msg="process finishing" cause=boom`:                              sputnik.ProcessFinishing{At: at, Cause: errBoom},
		`WARN msg="finish cut short by a second signal"`:                       sputnik.ProcessHurried{At: at, Forced: true},
		`WARN msg="finish cut short, its limit is used up"`:                    sputnik.ProcessHurried{At: at},
		`INFO msg="process finished" cause=boom took=1s`:                       sputnik.ProcessFinished{At: at, Cause: errBoom, Took: time.Second},
		`ERROR msg="process finished" cause=boom error=boom`:                   sputnik.ProcessFinished{At: at, Cause: errBoom, Err: errBoom},
		`INFO msg="block initialised" block=resp took=1s`:                      sputnik.BlockInitialised{At: at, Block: block, Took: time.Second},
		`DEBUG msg="block running" block=resp`:                                 sputnik.BlockRunning{At: at, Block: block},
		`ERROR msg="block failed" block=resp error="panic: boom" stacks=where`: sputnik.BlockFailed{At: at, Block: block, Err: &sputnik.PanicError{Value: errBoom, Stack: []byte("where")}},
		`DEBUG msg="block finishing" block=resp queued=2`:                      sputnik.BlockFinishing{At: at, Block: block, Queued: 2},
		`INFO msg="block finished" block=resp handled=1 took=1s`:               sputnik.BlockFinished{At: at, Block: block, Mailbox: sputnik.MailboxStatus{Accepted: 1, Handled: 1}, Took: time.Second},
		`ERROR msg="block abandoned" error="block \"resp\" (name): abandoned after 1s: Run did not return" stacks=where`: sputnik.BlockAbandoned{At: at, Err: &sputnik.AbandonedError{
			Block: block, Callbacks: []string{"Run"}, After: time.Second, Stacks: "where",
		}},
		`WARN msg="messages lost" block=resp count=7 reason=why`:            sputnik.MessagesLost{At: at, Block: block, Count: 7, Reason: "why"},
		`INFO msg=connected attempt=2 took=1s`:                              sputnik.Connected{At: at, Attempt: 2, Took: time.Second},
		`WARN msg="not ready: connect failed" attempt=2 error=boom next=1s`: sputnik.ConnectFailed{At: at, Attempt: 2, Err: errBoom, Next: time.Second},
		`WARN msg="connection lost" error=boom`:                             sputnik.ConnectionLost{At: at, Err: errBoom},
		`INFO msg=disconnected`:                                             sputnik.Disconnected{At: at},
		`WARN msg="connector stalled" call=Connect limit=1s`:                sputnik.ConnectorStalled{At: at, Call: "Connect", Limit: time.Second},
		`ERROR msg="connector fault" error=boom`:                            sputnik.ConnectorFaulted{At: at, Err: errBoom},
		`WARN msg="events lost" count=9`:                                    sputnik.EventsLost{At: at, Count: 9},
	}
	for want, e := range events {
		var out bytes.Buffer
		sputnik.LogObserver(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))(e)
		assert.Equal(t, "time=1970-01-01T00:00:00.000Z level="+want+"\n", out.String())
	}
}

func TestObserversGetTheBlackBoxWhateverOneOfThemDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { panic(errBoom) }))},
			sputnik.WithObserver(func(e sputnik.Event) {
				if _, ok := e.(sputnik.BlockFailed); ok {
					runtime.Goexit()
				}
			}))
		bc.Send(sputnik.Msg{})
		require.ErrorIs(t, f.landed(), errBoom)
		require.Len(t, eventsOf[sputnik.BlackBox](f), 1)
		assert.Equal(t, `block "a": OnMsg: panic: boom`, eventsOf[sputnik.BlackBox](f)[0].Why)
	})
}

func TestABlockIsStalledUntilAllOfItsCallbacksAreBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("a", handle(&bc), sputnik.WithOnMsg(func(sputnik.Msg) { time.Sleep(4 * time.Minute) }),
			sputnik.WithOnConnect(func(sputnik.ServerConnection) { time.Sleep(2 * time.Minute) }))},
			sputnik.WithConnector(&plugIn{j: new(journal)}, time.Second))
		bc.Send(sputnik.Msg{})
		time.Sleep(time.Minute)
		assert.Equal(t, "OnServerConnect", f.block("a").Stalled)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "OnMsg", f.block("a").Stalled)
		time.Sleep(2 * time.Minute)
		assert.Empty(t, f.block("a").Stalled)
		assert.Len(t, eventsOf[sputnik.CallbackReturned](f), 2)
		require.NoError(t, f.land())
	})
}
