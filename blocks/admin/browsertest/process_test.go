package browsertest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/admin"
	"github.com/sputnik-go/sputnik/sputniktest"
)

// process is one with several blocks: "syslog" and "http" send to "rules", which sends to "nats.producer".
type process struct {
	*sputniktest.Flight
	url    string
	level  *slog.LevelVar
	server *sputniktest.Server
	reload chan error // what a reload returns
	failed int
}

// errHostile has a text that would take over a page that took it for HTML.
var errHostile = errors.New(`bad record: <img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`)

// launch launches it; yaml is the configuration of admin, beside the address.
func launch(t *testing.T, yaml string, bare bool) *process {
	t.Helper()
	t.Parallel()
	p := &process{level: new(slog.LevelVar), server: sputniktest.NewServer(t), reload: make(chan error, 1)}
	opts := admin.Options{Level: p.level, Reload: func(context.Context) error { return <-p.reload }}
	if bare {
		opts = admin.Options{}
	}
	interval := 50 * time.Millisecond
	if *screenshots {
		interval = time.Second
	}
	where := &urls{found: make(chan string, 1)}
	p.Flight = sputniktest.New(t,
		sputnik.WithConfFactory(sputniktest.Conf(t, map[string]string{admin.Name: "listen: 127.0.0.1:0\ncounters: [nats.producer]\n" + yaml})),
		sputnik.WithConnector(p.server, interval), sputnik.WithBackoffCap(interval), sputnik.WithFinishTimeout(10*time.Second))
	p.NoLeakCheck() // the browser's are among them; TestMain looks
	p.Add(admin.Name, func() *sputnik.Block { return admin.NewBlock(slog.New(where), opts) })
	p.Add("nats.producer", producer)
	p.Add("rules", rules)
	p.Add("syslog", source(7*time.Millisecond))
	p.Add("http", source(31*time.Millisecond))
	p.Launch().Ready()
	p.url = <-where.found
	return p
}

// fail makes "nats.producer" fail, and returns when its next instance runs.
func (p *process) fail(err error) {
	p.failed++
	p.failBlock("nats.producer", err, p.failed)
}

// failBlock makes a block fail, for the n-th time.
func (p *process) failBlock(name string, err error, n int) {
	p.Send(name, sputnik.Msg{"fail": err})
	running := 0
	sputniktest.Await(p.Flight, func(e sputnik.BlockRunning) bool {
		if e.Block.Responsibility == name {
			running++
		}
		return running == n+1
	})
}

// restarts is for those that fail.
func restarts() sputnik.BlockOption {
	return sputnik.WithRestart(sputnik.RestartPolicy{When: sputnik.RestartOnFailure, Max: 100, Backoff: time.Millisecond, BackoffCap: time.Millisecond})
}

// producer fails with a message that says so, and has counters.
func producer() *sputnik.Block {
	var sent uint64 // OnMsg's
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
		sputnik.WithMailbox(1000, sputnik.Wait),
		restarts(),
		sputnik.WithOnConnect(func(sputnik.ServerConnection) {}),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			switch {
			case msg["fail"] != nil:
				panic(msg["fail"])
			case msg[admin.KeyCommand] == admin.CommandCounters:
				if err := sputnik.Reply(msg, sputnik.Msg{"published": sent, "acknowledged": sent}); err != nil && !errors.Is(err, sputnik.ErrAskerGone) {
					panic(err)
				}
			default:
				sent++
			}
		}))
}

// rules sends on, or fails.
func rules() *sputnik.Block {
	var sink sputnik.BlockCommunicator
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { sink, _ = bc.Communicator("nats.producer") }),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
		restarts(),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			if msg["fail"] != nil {
				panic(msg["fail"])
			}
			sink.Send(msg)
		}))
}

func source(every time.Duration) sputnik.BlockFactory {
	return func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				sink, ok := bc.Communicator("rules")
				if !ok {
					return errors.New("no block \"rules\"")
				}
				for tick := time.NewTicker(every); ; {
					select {
					case <-tick.C:
						sink.Send(sputnik.Msg{"text": "hello"})
					case <-ctx.Done():
						return nil
					}
				}
			}))
	}
}

// urls is a log handler that finds out where the block listens.
type urls struct{ found chan string }

func (*urls) Enabled(context.Context, slog.Level) bool { return true }
func (u *urls) WithAttrs([]slog.Attr) slog.Handler     { return u }
func (u *urls) WithGroup(string) slog.Handler          { return u }
func (u *urls) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "url" {
			u.found <- a.Value.String()
		}
		return true
	})
	return nil
}

// visit opens the page of a process and waits until it is filled.
func visit(t *testing.T, p *process) *tab {
	t.Helper()
	page := open(t)
	page.do(navigate(p.url))
	page.await(`document.querySelectorAll('#rows tr').length >= 6 && document.getElementById('events').children.length > 0`)
	page.await(`document.getElementById('updates').innerText === 'live'`)
	return page
}
