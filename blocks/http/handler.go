package httpin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

// handler answers requests.
type handler struct {
	conf   Conf
	tokens tokens
	origin *http.CrossOriginProtection
	budget budget
	pump   *pump
	count  counters
	self   sputnik.BlockCommunicator
}

func newHandler(conf Conf) *handler {
	return &handler{
		conf:   conf,
		tokens: conf.Token,
		origin: http.NewCrossOriginProtection(),
		budget: budget{most: int64(conf.MaxPendingBytes)},
		pump:   newPump(conf.MaxWaiting),
	}
}

// ServeHTTP answers a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.count.requests.Add(1)
	rest, p := h.admit(r)
	if p == nil {
		p = h.post(w, r, rest)
	}
	if p != nil {
		h.count.answer(p.Status)
		p.write(w)
	}
}

// admit judges what can be judged without the body. It returns the path behind the configured one.
func (h *handler) admit(r *http.Request) (rest string, p *problem) {
	if p := h.tokens.check(r); p != nil {
		return "", p
	}
	rest, ok := below(h.conf.Path, r.URL.EscapedPath())
	if !ok || rest != "" && !h.conf.SubjectFromPath {
		return "", refuse(http.StatusNotFound, "there is nothing at %s", r.URL.EscapedPath()).
			remedy("POST messages to %s", h.conf.Path)
	}
	if r.Method != http.MethodPost {
		return "", refuse(http.StatusMethodNotAllowed, "%s is only for POST", h.conf.Path).
			remedy("POST messages").with("Allow", http.MethodPost)
	}
	if err := h.origin.Check(r); err != nil {
		return "", refuse(http.StatusForbidden, "%v", err).
			remedy("send from a program, not from a web page of another origin")
	}
	if h.rebound(r) {
		return "", refuse(http.StatusForbidden, "a web page asks for %q, which isn't a name of this machine for itself", r.Host).
			remedy("ask by 127.0.0.1 or localhost, or set a token")
	}
	return rest, h.ready()
}

// rebound tells whether a browser asks by a name that may be anybody's: a page of another site that has its own name
// resolve to 127.0.0.1 is of the same origin for the browser (DNS rebinding). Where a token or a certificate is wanted,
// such a page doesn't have it.
func (h *handler) rebound(r *http.Request) bool {
	browser := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
	return browser && !h.conf.guarded() && !access.Loopback((&url.URL{Host: r.Host}).Hostname())
}

// ready refuses while nobody can store anything, and when the end of the process has begun.
func (h *handler) ready() *problem {
	status, ok := sputnik.StatusOf(h.self)
	if !ok || status.Ready {
		return nil
	}
	p := h.unavailable("the process is not ready: " + status.Reason)
	if status.Cause != nil {
		p.with("Connection", "close")
	}
	return p
}

func (h *handler) unavailable(why string) *problem {
	return refuse(http.StatusServiceUnavailable, "%s", why).
		remedy("send again later").retryAfter(h.conf.RetryAfter)
}

// post answers a request itself only by 202.
func (h *handler) post(w http.ResponseWriter, r *http.Request, rest string) *problem {
	contentType, p := mediaType(r.Header)
	if p != nil {
		return p
	}
	subject, p := h.conf.subject(rest)
	if p != nil {
		return p
	}
	key, p := idempotencyKey(r.Header)
	if p != nil {
		return p
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // else what can't be read would be left out, and the body taken for something else
		return refuse(http.StatusBadRequest, "the parameters behind the ? can't be read: %v", err).
			remedy("write them as name=value, with & in between")
	}
	lines, p := byLine(query)
	if p != nil {
		return p
	}
	body := body{budget: &h.budget}
	defer body.release()
	if p := body.read(w, r, &h.conf); p != nil {
		return p
	}
	messages, many, p := h.conf.split(contentType, lines, body.bytes)
	if p != nil {
		return p
	}
	if many {
		body.bytes = nil // the messages are copies, and may wait
	}
	d := delivery{handler: h, count: len(messages), key: key}
	d.fields = h.conf.fields(r, contentType, query)
	asked, limit := prefersWait(r.Header, h.conf.StoredTimeout)
	if asked || h.conf.Wait == WaitStored {
		d.receipt, d.limit = newReceipt(len(messages)), limit
	}
	if asked {
		w.Header().Set("Preference-Applied", "wait")
	}
	outcome, p := d.deliver(r.Context(), messages, subject, many)
	if p != nil {
		return p
	}
	h.count.answer(http.StatusAccepted)
	writeJSON(w, typeJSON, http.StatusAccepted, outcome)
	return nil
}

// byLine tells whether each line of a text is a message.
func byLine(query url.Values) (bool, *problem) {
	if !query.Has("lines") {
		return false, nil
	}
	lines, err := strconv.ParseBool(query.Get("lines"))
	if err != nil {
		return false, refuse(http.StatusBadRequest, "lines=%s is neither 1 nor 0", query.Get("lines")).
			remedy("write ?lines=1 for a message in each line of a text")
	}
	return lines, nil
}

const maxKey = 128 // bytes

// idempotencyKey is that of a request, "" where it has none. It may stand in quotes.
func idempotencyKey(header http.Header) (string, *problem) {
	given := header.Values("Idempotency-Key")
	if len(given) == 0 {
		return "", nil
	}
	key := given[0]
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key = strings.TrimSuffix(inner, `"`)
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' }
	if key == "" || len(key) > maxKey || len(given) > 1 || strings.ContainsFunc(key, odd) {
		return "", refuse(http.StatusBadRequest, "the Idempotency-Key can't be used to recognise the request").
			remedy("use one of 1 to %d printable ASCII characters without spaces and quotes, such as a UUID", maxKey)
	}
	return key, nil
}

// prefersWait tells whether a request asks to wait until its messages are stored (RFC 7240), and for how long, at most limit.
func prefersWait(header http.Header, limit time.Duration) (bool, time.Duration) {
	for _, line := range header.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			if seconds, err := strconv.ParseUint(strings.Trim(value, " \t\""), 10, 31); err == nil {
				limit = min(limit, time.Duration(seconds)*time.Second)
			}
			return true, limit
		}
	}
	return false, limit
}

// receiving returns the status of the receiving block.
func (h *handler) receiving() (sputnik.BlockStatus, bool) {
	status, _ := sputnik.StatusOf(h.self)
	i := slices.IndexFunc(status.Blocks, func(b sputnik.BlockStatus) bool { return b.Block.Responsibility == h.conf.To })
	if i < 0 {
		return sputnik.BlockStatus{}, false
	}
	return status.Blocks[i], true
}
