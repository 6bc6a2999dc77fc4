package embedded

import (
	"fmt"
	"log/slog"
	"sync"
)

// logger passes the server's words on. What the server would end the process for is kept for Start to return.
type logger struct {
	log *slog.Logger

	mu  sync.Mutex
	err error
}

func (l *logger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Fatalf is where the server's own logger would call os.Exit.
func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf(format, v...)
	}
}

func (l *logger) Errorf(format string, v ...any) {
	l.log.Error("nats-server", "says", fmt.Sprintf(format, v...))
}

func (l *logger) Warnf(format string, v ...any) {
	l.log.Warn("nats-server", "says", fmt.Sprintf(format, v...))
}

func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug("nats-server", "says", fmt.Sprintf(format, v...))
}

func (l *logger) Debugf(format string, v ...any) {
	l.log.Debug("nats-server", "says", fmt.Sprintf(format, v...))
}
func (l *logger) Tracef(string, ...any) {}
