package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/ending"
)

const reloadLimit = 30 * time.Second

// Why an action isn't available.
const (
	noLevel  = "this program doesn't give the admin block its log level (Options.Level)"
	noReload = "this program can't reload its configuration: restart it"
	stopping = "the process is stopping already"
	reloads  = "a reload is in progress"
)

// actions says of each why it isn't available.
func (a *admin) actions(now sputnik.Status) Actions {
	var why Actions
	if a.opts.Level == nil {
		why.LogLevel = noLevel
	}
	if now.State == sputnik.StateFinishing || now.State == sputnik.StateFinished {
		why.Stop, why.Reload = stopping, stopping
		if ending.IsReload(now.Cause) {
			why.Stop, why.Reload = reloads, reloads
			if a.opts.Last != nil { // then no other process follows
				why.Stop = ""
			}
		}
	}
	if a.opts.Reload == nil {
		why.Reload = noReload
	}
	return why
}

// Level is what /loglevel answers and takes.
type Level struct {
	Level string `json:"level"`
}

func (a *admin) levelName() string {
	if a.opts.Level == nil {
		return ""
	}
	return levelName(a.opts.Level.Level())
}

func (a *admin) getLevel(w http.ResponseWriter, r *http.Request) {
	if a.opts.Level == nil {
		a.refuse(w, r, http.StatusNotImplemented, byAbsence, noLevel)
		return
	}
	answer(w, http.StatusOK, Level{a.levelName()})
}

// putLevel takes the level in JSON, or as it is.
func (a *admin) putLevel(w http.ResponseWriter, r *http.Request) {
	if a.opts.Level == nil {
		a.refuse(w, r, http.StatusNotImplemented, byAbsence, noLevel)
		return
	}
	level, err := readLevel(r.Body)
	if err != nil {
		a.refuse(w, r, http.StatusBadRequest, byContent, err.Error())
		return
	}
	was := a.levelName()
	a.opts.Level.Set(level)
	a.log.Info("log level set", "level", a.levelName(), "was", was, "by", r.RemoteAddr)
	answer(w, http.StatusOK, Level{a.levelName()})
}

func readLevel(body io.Reader) (slog.Level, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return 0, err
	}
	name := strings.TrimSpace(string(text))
	if strings.HasPrefix(name, "{") {
		var l Level
		if err := json.Unmarshal(text, &l); err != nil {
			return 0, fmt.Errorf("not JSON such as {\"level\":\"debug\"}: %w", err)
		}
		name = l.Level
	}
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is not a log level: take debug, info, warn or error", cut(name, 64))
}

// Done is the answer to an action that was taken.
type Done struct {
	Done string `json:"done"`
}

func (a *admin) postReload(w http.ResponseWriter, r *http.Request) {
	switch why := a.actions(a.now()).Reload; why {
	case "":
	case stopping:
		a.refuse(w, r, http.StatusConflict, byFinish, why)
		return
	case reloads:
		a.refuse(w, r, http.StatusConflict, byBusy, why)
		return
	default:
		a.refuse(w, r, http.StatusNotImplemented, byAbsence, why)
		return
	}
	if !a.reload.TryLock() {
		a.refuse(w, r, http.StatusConflict, byBusy, reloads)
		return
	}
	defer a.reload.Unlock()
	rc := http.NewResponseController(w)
	if err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Now().Add(reloadLimit+writeLimit))); err != nil {
		a.log.Warn("reload: the client may not hear of the outcome", "error", err)
	}
	ctx, cancel := context.WithTimeout(a.life, reloadLimit) // a client that goes away doesn't stop it halfway
	defer cancel()
	a.log.Info("reload asked for", "by", r.RemoteAddr)
	if err := a.opts.Reload(ctx); err != nil {
		a.log.Error("reload refused", "error", err)
		answer(w, http.StatusUnprocessableEntity, Problem{err.Error(), "reload"})
		return
	}
	answer(w, http.StatusOK, Done{"the configuration is read again"})
}

func (a *admin) postStop(w http.ResponseWriter, r *http.Request) {
	if why := a.actions(a.now()).Stop; why != "" {
		a.refuse(w, r, http.StatusConflict, byFinish, why)
		return
	}
	a.log.Warn("stop asked for", "by", r.RemoteAddr)
	if a.opts.Last != nil {
		a.opts.Last()
	}
	initiator, ok := a.self.Communicator(sputnik.InitiatorResponsibility)
	if (!ok || !initiator.Send(sputnik.FinishMsg())) && a.opts.Last == nil {
		a.refuse(w, r, http.StatusConflict, byFinish, stopping)
		return
	}
	answer(w, http.StatusAccepted, Done{"the process stops"})
}
