package systemd

import (
	"log/slog"
	"time"
)

// watcher looks at the process and passes on what the teller makes of it.
type watcher struct {
	log   *slog.Logger
	send  notifier
	look  looker
	tell  teller
	fault string // of the last message; empty: it was sent
}

// step looks once. A message that can't be sent is made again by the next step.
func (w *watcher) step() {
	status, answered := w.look.look(lookLimit)
	next, message := w.tell.tell(status, answered, time.Now())
	if message != "" {
		if err := w.send(message); err != nil {
			w.failed(err)
			return
		}
		if w.fault != "" {
			w.fault = ""
			w.log.Info("the service manager can be notified again")
		}
	}
	switch {
	case next.withheld != "" && next.withheld != w.tell.withheld:
		w.log.Warn("watchdog withheld", "reason", next.withheld)
	case next.withheld == "" && w.tell.withheld != "":
		w.log.Info("watchdog resumed")
	}
	w.tell = next
}

// failed tells once of each fault.
func (w *watcher) failed(err error) {
	if text := err.Error(); text != w.fault {
		w.fault = text
		w.log.Warn("the service manager can't be notified", "error", err)
	}
}
