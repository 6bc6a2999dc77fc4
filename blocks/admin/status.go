package admin

import (
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sputnik-go/sputnik"
)

// Status is what /status tells, in JSON; README.md explains each field.
type Status struct {
	Version    int               `json:"version"`
	Time       time.Time         `json:"time"`
	Program    string            `json:"program"`
	PID        int               `json:"pid"`
	Host       string            `json:"host"`
	Go         string            `json:"go"`
	Process    ProcessStatus     `json:"process"`
	Connection *ConnectionStatus `json:"connection"`
	Blocks     []BlockStatus     `json:"blocks"`
	WaitCycles [][]string        `json:"wait_cycles"`
	LogLevel   string            `json:"log_level"`
	Actions    Actions           `json:"actions"`
	Events     EventsStatus      `json:"events"`
	Session    bool              `json:"session"`
}

// ProcessStatus is that of the process as a whole.
type ProcessStatus struct {
	State       sputnik.State `json:"state"`
	Since       *time.Time    `json:"since"`
	For         float64       `json:"for"`
	Started     time.Time     `json:"started"`
	Uptime      float64       `json:"uptime"`
	Live        bool          `json:"live"`
	Ready       bool          `json:"ready"`
	StartupDone bool          `json:"startup_done"`
	Reason      string        `json:"reason"`
	Cause       string        `json:"cause"`
}

// ConnectionStatus is that of the connection to the server.
type ConnectionStatus struct {
	State     sputnik.State `json:"state"`
	Since     *time.Time    `json:"since"`
	For       float64       `json:"for"`
	Attempt   int           `json:"attempt"`
	NextTry   *time.Time    `json:"next_try"`
	LastError string        `json:"last_error"`
	Attempts  uint64        `json:"attempts"`
	Losses    uint64        `json:"losses"`
	History   []LinkChange  `json:"history"`
}

// BlockStatus is that of one block.
type BlockStatus struct {
	Name           string            `json:"name"`
	Responsibility string            `json:"responsibility"`
	Position       int               `json:"position"` // from 1
	State          sputnik.State     `json:"state"`
	Since          *time.Time        `json:"since"`
	For            float64           `json:"for"`
	Mailbox        MailboxStatus     `json:"mailbox"`
	Restarts       int               `json:"restarts"`
	LastError      string            `json:"last_error"`
	Stalled        string            `json:"stalled"`
	WaitsFor       string            `json:"waits_for"`
	Counters       map[string]uint64 `json:"counters"`
	CountersError  string            `json:"counters_error"`
}

// MailboxStatus is that of a block's mailbox.
type MailboxStatus struct {
	Depth     int    `json:"depth"`
	HighWater int    `json:"high_water"`
	Capacity  int    `json:"capacity"`
	Accepted  uint64 `json:"accepted"`
	Handled   uint64 `json:"handled"`
	Rejected  uint64 `json:"rejected"`
	Dead      uint64 `json:"dead"`
}

// Actions says of each why it isn't available; "": it is.
type Actions struct {
	Stop     string `json:"stop"`
	Reload   string `json:"reload"`
	LogLevel string `json:"log_level"`
}

// EventsStatus is that of /events.
type EventsStatus struct {
	Last       string `json:"last"`
	Streams    int64  `json:"streams"`
	StreamsMax int    `json:"streams_max"`
}

// now is a snapshot of the process. Until Run, there is no process to look at, and nobody who asks.
func (a *admin) now() sputnik.Status {
	status, _ := sputnik.StatusOf(a.self)
	return status
}

// startupDone tells whether the start-up is over: it was at Run, but for the other blocks'.
func startupDone(now sputnik.Status) bool {
	return now.State == sputnik.StateRunning || now.State == sputnik.StateFinishing || now.State == sputnik.StateFinished
}

// status is what /status tells.
func (a *admin) status() Status {
	told := a.counters() // first: it may take a moment
	now, at := a.now(), time.Now()
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	s := Status{
		Version: 1, Time: at.UTC(), Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Host: host, Go: runtime.Version(),
		Process: ProcessStatus{
			State: now.State, Since: instant(now.Since), For: since(at, now.Since),
			Started: a.begun.UTC(), Uptime: since(at, a.begun),
			Live: now.Live, Ready: now.Ready, StartupDone: startupDone(now), Reason: now.Reason, Cause: words(now.Cause),
		},
		Connection: a.connection(now.Connection, at),
		Blocks:     []BlockStatus{},
		WaitCycles: [][]string{},
		LogLevel:   a.levelName(),
		Actions:    a.actions(now),
		Events:     EventsStatus{a.journal.last(), a.streams.Load(), a.conf.MaxStreams},
	}
	for i, b := range now.Blocks {
		c := told[b.Block.Responsibility]
		s.Blocks = append(s.Blocks, BlockStatus{
			Name: b.Block.Name, Responsibility: b.Block.Responsibility, Position: i + 1,
			State: b.State, Since: instant(b.Since), For: since(at, b.Since),
			Mailbox: MailboxStatus(b.Mailbox), Restarts: b.Restarts, LastError: words(b.LastError),
			Stalled: b.Stalled, WaitsFor: b.WaitsFor, Counters: c.counts, CountersError: c.fault,
		})
	}
	for _, circle := range now.WaitCycles {
		var names []string
		for _, d := range circle {
			names = append(names, d.Responsibility)
		}
		s.WaitCycles = append(s.WaitCycles, names)
	}
	return s
}

func (a *admin) connection(c sputnik.ConnectionStatus, at time.Time) *ConnectionStatus {
	if c.State == "" {
		return nil
	}
	attempts, losses, history := a.link.snapshot()
	return &ConnectionStatus{
		State: c.State, Since: instant(c.Since), For: since(at, c.Since), Attempt: c.Attempt, NextTry: instant(c.NextTry),
		LastError: words(c.LastError), Attempts: attempts, Losses: losses, History: append([]LinkChange{}, history...),
	}
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// since is in seconds, to the millisecond.
func since(now, t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Round(time.Millisecond).Seconds()
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return cut(err.Error(), longestAttribute)
}
