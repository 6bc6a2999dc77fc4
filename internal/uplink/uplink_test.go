package uplink

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	errBoom    = errors.New("boom")
	errTimeout = errors.New("timeout")
	errEnd     = errors.New("the end")
	errDied    = errors.New("did not return")
)

// flight is a driver at work, its owner, and its plug-in.
type flight struct {
	t      *testing.T
	end    func()
	result chan error
	driver Driver

	began  time.Time
	mu     sync.Mutex
	inside string // the call in progress
	book
}

// book is what the owner was told, and the disconnects, with the time.
type book struct {
	log    []string
	pauses []time.Duration
	status Status
	conns  int
}

// start runs a driver: interval and limit are a second, the longest pause 8 s. Funcs of the plug-in that are nil succeed.
func start(t *testing.T, p PlugIn, changes ...func(*Driver)) *flight {
	t.Helper()
	f := &flight{t: t, began: time.Now(), result: make(chan error, 1)}
	ctx, cancel := context.WithCancelCause(t.Context())
	f.end = func() { cancel(errEnd) }
	f.driver = Driver{
		PlugIn: PlugIn{
			Connect: func(ctx context.Context) (any, error) {
				if p.Connect != nil {
					if _, err := p.Connect(ctx); err != nil {
						return nil, err
					}
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				f.conns++
				return fmt.Sprint("conn ", f.conns), nil
			},
			IsConnected: func() bool { return p.IsConnected == nil || p.IsConnected() },
			Disconnect: func() {
				f.add("disconnect")
				if p.Disconnect != nil {
					p.Disconnect()
				}
			},
			Broken: p.Broken,
		},
		Owner: f, Interval: time.Second, BackoffCap: 8 * time.Second, Limit: time.Second, ErrTimeout: errTimeout,
	}
	for _, change := range changes {
		change(&f.driver)
	}
	go func() { f.result <- f.driver.Run(ctx) }()
	return f
}

func (f *flight) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf("%v ", time.Since(f.began))+fmt.Sprintf(format, args...))
}

// now returns the book when all is at rest; after stop it may be read as it is.
func (f *flight) now() book {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.book
}

func (f *flight) stop() error {
	f.end()
	return <-f.result
}

func (f *flight) Guard(call string, method func() error, done func(error)) {
	f.mu.Lock()
	assert.Empty(f.t, f.inside, "while %s is called", call)
	f.inside = call
	f.mu.Unlock()
	err := errDied
	defer func() {
		recover()
		f.mu.Lock()
		f.inside = ""
		f.mu.Unlock()
		done(err)
	}()
	err = method()
}

func (f *flight) Note(s Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = s
}

func (f *flight) Tell(_ context.Context, number int, conn any) {
	f.add("tell %d %v", number, conn)
}

func (f *flight) Connected(attempt int, took time.Duration) { f.add("connected %d %v", attempt, took) }

func (f *flight) Failed(attempt int, err error, pause time.Duration) {
	f.mu.Lock()
	f.pauses = append(f.pauses, pause)
	f.mu.Unlock()
	if attempt <= 2 {
		f.add("failed %d %v", attempt, err)
	}
}
func (f *flight) Lost(why error)                           { f.add("lost %v", why) }
func (f *flight) Stalled(call string, limit time.Duration) { f.add("stalled %s %v", call, limit) }
func (f *flight) Faulted(err error)                        { f.add("faulted %v", err) }
func (f *flight) Disconnected()                            { f.add("disconnected") }
func (f *flight) Hung(call string, _ time.Duration) error {
	f.add("hung %s", call)
	return fmt.Errorf("%s: %w", call, errDied)
}

// once returns a func that returns the values one after another, and from then on the last.
func once[T any](values ...T) func() T {
	return func() T {
		v := values[0]
		if len(values) > 1 {
			values = values[1:]
		}
		return v
	}
}

func TestAConnectionThatBrokeIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, PlugIn{IsConnected: once(true, false, true)})
		time.Sleep(5*time.Second + 1)
		assert.Equal(t, Status{State: Connected, Since: f.began.Add(2 * time.Second)}, f.now().status)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Equal(t, Disconnected, f.status.State)
		assert.Equal(t, []string{
			"0s connected 1 0s", "0s tell 1 conn 1",
			"2s lost heartbeat: not connected", "2s tell 0 <nil>", "2s disconnect",
			"2s connected 1 0s", "2s tell 2 conn 2",
			"5.000000001s disconnect", "5.000000001s disconnected",
		}, f.log)
	})
}

func TestAttemptsAreCountedAnewAfterAConnectionThatLasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := once(errBoom, nil)
		f := start(t, PlugIn{Connect: func(context.Context) (any, error) { return nil, fail() }, IsConnected: once(true, false, true)})
		time.Sleep(time.Minute)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Contains(t, f.log[1], "connected 2 0s")
		assert.Contains(t, f.log[6], "connected 1 0s")
	})
}

func TestFailedAttemptsAreBackedOffFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, PlugIn{Connect: func(context.Context) (any, error) { return nil, errBoom }})
		pause := f.now().pauses[0]
		assert.Equal(t, Status{
			State: Disconnected, Since: f.began, Attempt: 2, NextTry: f.began.Add(pause), LastError: errBoom,
		}, f.now().status)
		time.Sleep(pause - 1)
		assert.Len(t, f.now().pauses, 1)
		time.Sleep(time.Nanosecond)
		assert.Len(t, f.now().pauses, 2)
		time.Sleep(time.Hour)
		began := time.Now()
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Zero(t, time.Since(began), "the pause is cut short")
		assert.Greater(t, len(f.pauses), 500)
		for i, p := range f.pauses {
			assert.LessOrEqual(t, p, min(time.Second<<min(i, 3), 8*time.Second))
		}
		assert.Len(t, f.log, 2, "no disconnect")
	})
}

func TestAConnectionThatFlapsIsBackedOffFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := make(chan error)
		close(broken)
		f := start(t, PlugIn{Broken: func() <-chan error { return broken }})
		time.Sleep(time.Hour)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Greater(t, f.conns, 500)
		assert.Less(t, f.conns, 2000, "an hour at four seconds on average")
	})
}

func TestAPushIsALossAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := make(chan error, 1)
		f := start(t, PlugIn{Broken: once[<-chan error](broken, nil)})
		time.Sleep(10*time.Second + time.Millisecond)
		broken <- errBoom
		assert.Contains(t, f.now().log, "10.001s lost boom")
		time.Sleep(time.Hour)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Equal(t, 2, f.conns, "a nil channel leaves it to the heartbeats")
	})
}

func TestACallBeyondItsLimitIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func() { time.Sleep(3 * time.Second) }
		f := start(t, PlugIn{
			Connect:     func(context.Context) (any, error) { slow(); return nil, nil },
			IsConnected: func() bool { slow(); return true },
			Disconnect:  slow,
		})
		time.Sleep(2 * time.Second)
		status := f.now().status
		require.ErrorIs(t, status.LastError, errTimeout)
		status.LastError = nil
		assert.Equal(t, Status{State: Connecting, Since: f.began, Attempt: 1}, status)
		time.Sleep(8*time.Second - 1)
		require.ErrorIs(t, f.now().status.LastError, errTimeout)
		assert.Equal(t, []string{
			"1s stalled Connect 1s", "3s connected 1 3s", "3s tell 1 conn 1", // late, but it counts
			"5s stalled IsConnected 1s", "5s lost IsConnected: timeout (1s)", "5s tell 0 <nil>", // this one doesn't
			"7s disconnect", "8s stalled Disconnect 1s",
		}, f.now().log)
		require.ErrorIs(t, f.stop(), errEnd)
	})
}

func TestTheContextOfConnectEndsWithTheLimitAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, PlugIn{Connect: func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}})
		time.Sleep(time.Second)
		time.Sleep(f.now().pauses[0])
		assert.Equal(t, Connecting, f.now().status.State)
		began := time.Now()
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Zero(t, time.Since(began))
		// Whether it also stalled is not told: it returns at the very moment of its limit.
		assert.Equal(t, "1s failed 1 Connect: timeout (1s)", f.log[len(f.log)-1])
	})
}

func TestACallThatDoesNotReturnIsAFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		die := once(func() { panic(errBoom) }, runtime.Goexit, func() {})
		f := start(t, PlugIn{
			Connect:     func(context.Context) (any, error) { die()(); return nil, nil },
			IsConnected: func() bool { panic(errBoom) },
			Disconnect:  runtime.Goexit,
		})
		time.Sleep(8 * time.Second)
		require.ErrorIs(t, f.stop(), errEnd)
		require.GreaterOrEqual(t, len(f.log), 8)
		for i, what := range []string{
			"failed 1 did not return", "failed 2 did not return", "connected 3 0s", "tell 1 conn 1",
			"lost did not return", "tell 0 <nil>", "disconnect", "faulted did not return",
		} {
			assert.Contains(t, f.log[i], what)
		}
	})
}

func TestACallThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	for _, call := range []string{"Connect", "IsConnected", "Disconnect", "Broken"} {
		for _, since := range []time.Duration{1500 * time.Millisecond, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				hang := func(name string) {
					if name == call {
						<-release
					}
				}
				f := start(t, PlugIn{
					Connect:     func(context.Context) (any, error) { hang("Connect"); return nil, nil },
					IsConnected: func() bool { hang("IsConnected"); return true },
					Disconnect:  func() { hang("Disconnect") },
					Broken:      func() <-chan error { hang("Broken"); return nil },
				})
				time.Sleep(since)
				began := time.Now()
				require.ErrorContains(t, f.stop(), call+": did not return")
				assert.LessOrEqual(t, time.Since(began), interruptedCall)
				hung := 0
				for _, line := range f.log {
					if line == fmt.Sprint(time.Since(f.began), " hung ", call) {
						hung++
					}
				}
				assert.Equal(t, 1, hung, f.log)
				close(release)
			})
		}
	}
}

func TestTheLastDisconnectHasAllOfItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longer := func(d *Driver) { d.Limit = time.Hour }
		f := start(t, PlugIn{Disconnect: func() { time.Sleep(time.Minute) }}, longer)
		time.Sleep(time.Second)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Contains(t, f.log, "1m1s disconnected")
	})
}

func TestAConnectThatSucceedsAfterTheEndIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, PlugIn{Connect: func(context.Context) (any, error) { time.Sleep(900 * time.Millisecond); return nil, nil }})
		time.Sleep(500 * time.Millisecond)
		require.ErrorIs(t, f.stop(), errEnd)
		assert.Equal(t, []string{"900ms connected 1 900ms", "900ms tell 1 conn 1", "900ms disconnect", "900ms disconnected"}, f.log)
	})
}
