package httpin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an answer that isn't 202, as application/problem+json (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"` // what the client can do
	*outcome

	header http.Header
}

// outcome says what became of a request's messages, by their index in the request, from 0.
type outcome struct {
	Accepted   int       `json:"accepted"`              // taken by the receiving block, the first ones
	ResendFrom *int      `json:"resend_from,omitempty"` // where to send again from
	InDoubt    *int      `json:"in_doubt,omitempty"`    // may be taken yet: sent again it may be there twice
	Stored     *int      `json:"stored,omitempty"`      // where storage was waited for: how many are stored
	GivenUp    []givenUp `json:"given_up,omitempty"`    // the first maxGivenUp
}

// givenUp is a message that the receiving block has taken, and then given up.
type givenUp struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

const maxGivenUp = 100

func refuse(status int, detail string, args ...any) *problem {
	return &problem{Title: statusText(status), Status: status, Detail: fmt.Sprintf(detail, args...), header: http.Header{}}
}

// statusGone is for a client that is gone before its answer, as other servers log it.
const statusGone = 499

func statusText(status int) string {
	if status == statusGone {
		return "Client Closed Request"
	}
	return http.StatusText(status)
}

func (p *problem) remedy(format string, args ...any) *problem {
	p.Remedy = fmt.Sprintf(format, args...)
	return p
}

func (p *problem) with(key, value string) *problem {
	p.header.Set(key, value)
	return p
}

func (p *problem) of(o *outcome) *problem {
	p.outcome = o
	return p
}

func (p *problem) retryAfter(d time.Duration) *problem {
	return p.with("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

// write answers. That the client is gone by now is nobody's fault.
func (p *problem) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	writeJSON(w, "application/problem+json", p.Status, p)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
