package admin

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits for clients that are slow, or make others wait on purpose.
const (
	headerLimit = 5 * time.Second  // for the header of a request
	readLimit   = 10 * time.Second // for all of it
	writeLimit  = 10 * time.Second // for the answer
	idleLimit   = time.Minute      // between requests
	maxHeader   = 16 << 10         // bytes
	maxBody     = 4 << 10          // bytes
)

func (a *admin) newServer(tlsConf *tls.Config) *http.Server {
	return &http.Server{
		TLSConfig:         tlsConf,
		ReadHeaderTimeout: headerLimit, ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeader,
		ConnState: func(c net.Conn, state http.ConnState) {
			if !a.conns.note(c, state) {
				a.gate.note(byConnections, c.RemoteAddr().String())
				_ = c.Close() // it is told of
			}
		},
		ErrorLog: log.New(complaints{a.gate}, "", 0),
	}
}

// complaints is where net/http tells of connections that come to nothing. A client whose certificate isn't accepted doesn't
// get as far as a request: that is a refusal all the same.
type complaints struct{ *gate }

// Write takes a line.
func (c complaints) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	rest, _ := strings.CutPrefix(text, "http: TLS handshake error from ")
	if from, why, _ := strings.Cut(rest, ": "); rest != text && strings.HasPrefix(why, "tls: ") {
		c.note(byHandshake, from, "error", why)
	} else { // a client that has gone, and the like
		c.log.Debug("connection fault", "error", text)
	}
	return len(line), nil
}

// handler serves all endpoints to those whom the gate lets in.
func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page.serve)
	mux.HandleFunc("GET /livez", a.livez)
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /startedz", a.startedz)
	mux.HandleFunc("GET /status", a.getStatus)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("GET /events", a.follow)
	mux.HandleFunc("GET /loglevel", a.getLevel)
	mux.HandleFunc("PUT /loglevel", a.putLevel)
	mux.HandleFunc("POST /reload", a.postReload)
	mux.HandleFunc("POST /stop", a.postStop)
	mux.HandleFunc("GET "+loginPath, a.login)
	mux.HandleFunc("POST "+loginPath, a.login)
	mux.HandleFunc("POST "+logoutPath, a.logout)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.answers.Add(1)
		defer a.answers.Done()
		defer func() {
			if v := recover(); v != nil {
				a.failed(w, r, v)
			}
		}()
		header(w.Header())
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		why, text := a.gate.check(r)
		if why == "" {
			mux.ServeHTTP(w, r)
			return
		}
		if (why == byNoToken || r.Header.Get("Authorization") == "" && why == byWrongToken) && r.URL.Path == "/" {
			http.Redirect(w, r, loginPath, http.StatusSeeOther) // a person, who can be asked
			return
		}
		code := http.StatusForbidden
		if why == byNoToken || why == byWrongToken {
			code = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Bearer realm="sputnik"`)
		}
		a.refuse(w, r, code, why, text)
	})
}

func (a *admin) getStatus(w http.ResponseWriter, r *http.Request) {
	counters := a.counters
	if r.URL.Query().Get("counters") == "last" {
		counters = a.knownCounters
	}
	s := a.status(counters())
	s.Session = a.gate.signedIn(r)
	answer(w, http.StatusOK, s)
}

// header sets what holds for all answers. No other site may embed them, and no cache keep them.
func header(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a form of our own would come from the origin "null"
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// failed tells of a panic, which net/http would only end the connection for.
func (a *admin) failed(w http.ResponseWriter, r *http.Request, v any) {
	a.log.Error("panic in a request", "path", r.URL.Path, "panic", fmt.Sprint(v), "stacks", string(debug.Stack()))
	a.refuse(w, r, http.StatusInternalServerError, byFault, "internal error: see the log")
}

// answer writes v in JSON.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client is gone: nobody to tell
}

// Problem is the answer to a request that was refused.
type Problem struct {
	Error  string `json:"error"`  // in words
	Reason string `json:"reason"` // as in the metric sputnik_admin_requests_refused_total
}

func (a *admin) refuse(w http.ResponseWriter, r *http.Request, code int, why refusal, text string) {
	a.gate.noteRequest(why, r)
	answer(w, code, Problem{text, string(why)})
}

// conns keeps the connections that are open, and how many there may be.
type conns struct {
	limit int
	mu    sync.Mutex
	open  map[net.Conn]http.ConnState
}

func newConns(limit int) *conns { return &conns{limit: limit, open: map[net.Conn]http.ConnState{}} }

// note takes a change of state. False: it is one connection too many, to be closed.
func (c *conns) note(conn net.Conn, state http.ConnState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case state == http.StateClosed || state == http.StateHijacked:
		delete(c.open, conn)
	case state == http.StateNew && len(c.open) >= c.limit && !c.makeRoom():
		return false
	default:
		c.open[conn] = state
	}
	return true
}

// makeRoom closes a connection on which nothing is in progress, whichever it is, so that clients who hold many don't keep
// others out: a probe that isn't answered would have the process killed.
func (c *conns) makeRoom() bool {
	for conn, state := range c.open {
		if state == http.StateIdle || state == http.StateNew {
			delete(c.open, conn)
			if secured, ok := conn.(*tls.Conn); ok {
				conn = secured.NetConn() // without a farewell, which would wait for a client that reads nothing
			}
			_ = conn.Close() // closed by the other side: just as well
			return true
		}
	}
	return false
}

// shut closes connections that have not asked for anything yet: browsers keep such in reserve, and Shutdown would wait
// for their first request.
func (c *conns) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, state := range c.open {
		if state == http.StateNew {
			_ = conn.Close() // closed by the other side: just as well
		}
	}
}
