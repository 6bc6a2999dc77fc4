package admin

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

// refusal is why a request is refused, as a label of a metric.
type refusal string

const (
	byHost        refusal = "host"        // DNS rebinding
	byCrossSite   refusal = "cross_site"  // asked by another site's page
	byCertificate refusal = "certificate" // no client certificate
	byNoToken     refusal = "no_token"    // neither a token nor a cookie
	byWrongToken  refusal = "wrong_token" // also a cookie that is forged or too old
	byStreams     refusal = "streams"     // more than max_streams
	byConnections refusal = "connections" // more than max_conn
	byHandshake   refusal = "handshake"   // TLS, such as a client certificate of somebody else or out of date
	byBusy        refusal = "busy"        // a reload is in progress
	byContent     refusal = "bad_request" // not understood
	byAbsence     refusal = "unavailable" // the program doesn't offer it
	byFinish      refusal = "finishing"   // too late
	byFault       refusal = "internal"    // a panic
)

func refusals() []refusal {
	return []refusal{
		byHost, byCrossSite, byCertificate, byNoToken, byWrongToken, byStreams, byConnections, byHandshake, byBusy,
		byContent, byAbsence, byFinish, byFault,
	}
}

// gate decides who gets in.
type gate struct {
	log      *slog.Logger
	refused  *prometheus.CounterVec
	local    bool // reachable from this machine only
	hosts    []string
	open     bool   // probes need nothing
	certs    bool   // client certificates are wanted
	token    string // empty: none is wanted
	sessions *sessions
	origin   *http.CrossOriginProtection
	quiet    map[refusal]*sparse
}

func newGate(conf Conf, at net.Addr, log *slog.Logger, refused *prometheus.CounterVec) *gate {
	host, port, _ := net.SplitHostPort(at.String()) // a listener's address is one
	g := &gate{
		log: log, refused: refused,
		local: access.Loopback(host), hosts: conf.Hosts, open: conf.OpenProbes, certs: conf.TLSClientCA != "",
		origin: http.NewCrossOriginProtection(), quiet: map[refusal]*sparse{},
	}
	for _, r := range refusals() {
		g.quiet[r] = new(sparse)
	}
	if conf.Token != "" {
		g.token, g.sessions = conf.Token, newSessions(port, conf.TLSCert != "")
	}
	return g
}

// knows tells whether the Host of a request is a name of this server. A page of another site that has its own name
// resolve to 127.0.0.1 is of the same origin for a browser, but the name gives it away. Elsewhere than on loopback
// everybody needs a token or a certificate, which such a page doesn't have. Only a client of HTTP/1.0 gives no name.
func (g *gate) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return !g.local || host == "" || access.Loopback(host) ||
		slices.ContainsFunc(g.hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// check says why a request doesn't get in; "" lets it pass.
func (g *gate) check(r *http.Request) (why refusal, text string) {
	switch {
	case !g.knows(r.Host):
		return byHost, "the name in this address isn't one of this server's: use 127.0.0.1 or localhost, or list it under the key \"hosts\""
	case g.foreign(r):
		return byCrossSite, "asked by a page of another site"
	case g.open && isProbe(r.URL.Path):
		return "", ""
	case g.certs && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0):
		return byCertificate, "a client certificate is needed"
	case g.token == "" || r.URL.Path == loginPath:
		return "", ""
	}
	return g.authenticate(r)
}

// foreign tells whether a browser asks on behalf of another site. A link to here is no such case, unless it changes
// something. A client that isn't a browser says nothing of sites.
func (g *gate) foreign(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return g.origin.Check(r) != nil
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site": // the latter also from another port
		return r.Header.Get("Sec-Fetch-Mode") != "navigate"
	}
	return false
}

func (g *gate) authenticate(r *http.Request) (why refusal, text string) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") && access.Same(strings.TrimSpace(token), g.token) {
			return "", ""
		}
		return byWrongToken, "wrong token"
	}
	cookie, err := r.Cookie(g.sessions.cookie)
	switch {
	case err != nil:
		return byNoToken, "a token is needed: send it as \"Authorization: Bearer ...\""
	case !g.sessions.valid(cookie.Value, time.Now()):
		return byWrongToken, "the session has ended: sign in again"
	}
	return "", ""
}

// signedIn tells whether a request that was let in comes by way of /login, so that it can be ended.
func (g *gate) signedIn(r *http.Request) bool {
	return g.token != "" && r.Header.Get("Authorization") == ""
}

// note counts a refusal, and logs it once a second at most, with what else there is to say of it.
func (g *gate) note(why refusal, from string, more ...any) {
	g.refused.WithLabelValues(string(why)).Inc()
	if total, due := g.quiet[why].next(time.Now()); due {
		g.log.Warn("request refused", append([]any{"reason", string(why), "from", from, "total", total}, more...)...)
	}
}

func (g *gate) noteRequest(why refusal, r *http.Request) {
	g.note(why, r.RemoteAddr, "method", cut(r.Method, 16), "path", cut(r.URL.Path, 128))
}

// sparse is for what is to be told once a second at most.
type sparse struct {
	mu    sync.Mutex
	total uint64
	told  time.Time
}

func (s *sparse) next(now time.Time) (total uint64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	if now.Sub(s.told) < time.Second {
		return s.total, false
	}
	s.told = now
	return s.total, true
}
