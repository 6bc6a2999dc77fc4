package admin

import (
	"fmt"
	"net/http"
)

func isProbe(path string) bool {
	return path == "/livez" || path == "/readyz" || path == "/startedz"
}

// livez tells whether the process is worth keeping (G19): never a reason to restart it because the server is away.
func (a *admin) livez(w http.ResponseWriter, _ *http.Request) {
	now := a.now()
	probe(w, now.Live, "live", "not live: "+now.Reason)
}

// readyz tells whether all is well, and else why not.
func (a *admin) readyz(w http.ResponseWriter, _ *http.Request) {
	now := a.now()
	probe(w, now.Ready, "ready", "not ready: "+now.Reason)
}

// startedz tells whether the start-up is over, whatever came then.
func (a *admin) startedz(w http.ResponseWriter, _ *http.Request) {
	now := a.now()
	probe(w, startupDone(now), "started", "not started: "+now.Reason)
}

func probe(w http.ResponseWriter, good bool, yes, no string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, cut(no, longestAttribute))
		return
	}
	_, _ = fmt.Fprintln(w, yes)
}
