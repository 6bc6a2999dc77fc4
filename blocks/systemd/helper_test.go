package systemd

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sputnik-go/sputnik"
)

// manager stands for systemd where time plays a part: a socket would stop the clock of a bubble. It is also the machine.
type manager struct {
	mu    sync.Mutex
	began time.Time
	got   []notice
	err   error // what sending returns; nil: it works
	log   bytes.Buffer
	env   map[string]string
}

// notice is one message.
type notice struct {
	at   time.Duration // since the manager was made
	text string
}

func newManager(watchdog time.Duration) *manager {
	m := &manager{began: time.Now(), env: map[string]string{"NOTIFY_SOCKET": "/run/systemd/notify"}}
	if watchdog > 0 {
		m.env["WATCHDOG_USEC"] = strconv.FormatInt(watchdog.Microseconds(), 10)
	}
	return m
}

func (m *manager) block() *sputnik.Block {
	return newBlock(m.logger(), machine{
		getenv:    func(name string) string { return m.env[name] },
		pid:       42,
		dial:      func(string) notifier { return m.take },
		monotonic: func() uint64 { return 12345 },
	})
}

func (m *manager) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(m, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (m *manager) take(message string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.got = append(m.got, notice{time.Since(m.began), message})
	}
	return m.err
}

func (m *manager) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Write takes a line of the log.
func (m *manager) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Write(p)
}

func (m *manager) logged() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// with returns the messages that have a line which begins with prefix: when they came, and that line.
func (m *manager) with(prefix string) []notice {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []notice
	for _, n := range m.got {
		for line := range strings.SplitSeq(n.text, "\n") {
			if strings.HasPrefix(line, prefix) {
				found = append(found, notice{n.at, line})
			}
		}
	}
	return found
}

// texts returns all messages.
func (m *manager) texts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	texts := make([]string, len(m.got))
	for i, n := range m.got {
		texts[i] = n.text
	}
	return texts
}

// has tells whether any message has such a line.
func (m *manager) has(prefix string) bool { return len(m.with(prefix)) > 0 }

// last returns the last text of STATUS.
func (m *manager) last(t *testing.T) string {
	t.Helper()
	all := m.with("STATUS=")
	if len(all) == 0 {
		t.Fatal("no STATUS came")
	}
	return strings.TrimPrefix(all[len(all)-1].text, "STATUS=")
}

// forget drops what came so far.
func (m *manager) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got, m.began = nil, time.Now()
}

// pass lets time pass in a bubble, and everything happen that is due by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// worker is a block with this OnMsg, which may be nil.
func worker(onMsg sputnik.OnMsg, opts ...sputnik.BlockOption) sputnik.BlockFactory {
	return func() *sputnik.Block {
		all := []sputnik.BlockOption{
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
		}
		if onMsg != nil {
			all = append(all, sputnik.WithOnMsg(onMsg))
		}
		return sputnik.NewBlock(append(all, opts...)...)
	}
}
