package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/sputnik-go/sputnik"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hosting runs a host in a bubble and returns the source of its signals. wait returns what the host logged
// of its own accord, one line for each record, after it has ended.
func hosting(read reading) (signals chan os.Signal, wait func() string) {
	signals = make(chan os.Signal)
	log := newLog()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		newHost(time.Second, read, log.logger()).serve(signals)
	}()
	return signals, func() string {
		<-ended
		return log.about("host: ")
	}
}

func TestTheHostReplacesTheSputnikAndOutlivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, wait := hosting(goroutines)
		time.Sleep(2500 * time.Millisecond) // 3 readings: the first comes at once
		signals <- syscall.SIGHUP
		time.Sleep(1200 * time.Millisecond) // 2 more
		signals <- os.Interrupt
		assert.Equal(t, strings.Join([]string{
			`msg="host: signal" signal=hangup state=running ready=true`,
			`msg="host: flight is over" flight=1 cause="finish message from block \"host\"" error=<nil>`,
			`msg="host: signal" signal=interrupt state=running ready=true`,
			`msg="host: flight is over" flight=2 cause="finish message from block \"host\"" error=<nil>`,
			`msg="host: ledger closed" entries=5`,
		}, "\n"), wait())
	})
}

func TestASputnikThatFailedSaysWhyAndTheHostGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readings := 0
		signals, wait := hosting(func() (string, error) {
			readings++
			if readings == 3 {
				return "", errors.New("sensor broke")
			}
			return "fine", nil
		})
		time.Sleep(time.Hour)
		signals <- syscall.SIGHUP
		time.Sleep(1200 * time.Millisecond)
		signals <- syscall.SIGTERM
		assert.Equal(t, strings.Join([]string{
			`msg="host: flight is over" flight=1 cause="block \"meter\": Run: sensor broke" error="stopped by: block \"meter\": Run: sensor broke"`,
			`msg="host: signal" signal=hangup state=finished ready=false`,
			`msg="host: signal" signal=terminated state=running ready=true`,
			`msg="host: flight is over" flight=2 cause="finish message from block \"host\"" error=<nil>`,
			`msg="host: ledger closed" entries=4`,
		}, "\n"), wait())
	})
}

func TestReadingsWaitForTheLedger(t *testing.T) {
	l := openLedger()
	c := new(clerk)
	c.OnMsg(sputnik.Msg{"text": "before the first connection"})
	c.OnServerConnect(l)
	c.OnServerDisconnect()
	c.OnMsg(sputnik.Msg{"text": "between two"})
	c.OnServerConnect(l)
	assert.Equal(t, 2, l.close())
}

func TestAClosedLedgerIsNoServer(t *testing.T) {
	l := openLedger()
	c := &connector{l}
	conn, err := c.Connect(nil)
	assert.NoError(t, err)
	assert.Same(t, l, conn)
	assert.True(t, c.IsConnected())
	l.close()
	assert.False(t, c.IsConnected())
	assert.False(t, l.enter("late"))
	_, err = c.Connect(nil)
	assert.ErrorIs(t, err, errClosed)
}

// hostLog keeps what is logged, without the time, and tells of each time that a sputnik gets ready.
type hostLog struct {
	ready chan struct{} // a value for each time

	mu   sync.Mutex
	text bytes.Buffer
}

func newLog() *hostLog { return &hostLog{ready: make(chan struct{}, 16)} }

func (l *hostLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func (l *hostLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("msg=ready")) {
		l.ready <- struct{}{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *hostLog) about(subject string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.text.String()) {
		if strings.HasPrefix(line, `msg="`+subject) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}
