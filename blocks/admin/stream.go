package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	keepAlive   = 15 * time.Second // a comment, so that nobody in between takes the stream for dead
	streamLimit = 10 * time.Second // for a client to take what is written
	lastMoment  = 200 * time.Millisecond
	retryAfter  = 2 * time.Second // what a browser waits before it comes again
)

// EventList is the answer of /events to a client that accepts JSON and no stream.
type EventList struct {
	Events []Entry `json:"events"` // oldest first
	Missed uint64  `json:"missed"` // how many before them are not kept any more
	Last   string  `json:"last"`   // for the next request: /events?after=...
}

// follow tells the events that are kept, and those that come, as server-sent events; or those that are kept in JSON.
// It begins after the event that the client knows.
func (a *admin) follow(w http.ResponseWriter, r *http.Request) {
	known := r.Header.Get("Last-Event-ID")
	if known == "" {
		known = r.URL.Query().Get("after")
	}
	last, ok := a.journal.number(known)
	if !ok {
		last = a.journal.start()
	}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream") {
		events, missed, now, _ := a.journal.after(last)
		list := EventList{Events: append([]Entry{}, events...), Missed: missed}
		if now > 0 {
			list.Last = a.journal.id(now)
		}
		answer(w, http.StatusOK, list)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return // the client takes the header for the whole answer
	}
	defer a.streams.Add(-1)
	if a.streams.Add(1) > int64(a.conf.MaxStreams) {
		w.Header().Set("Retry-After", "10")
		a.refuse(w, r, http.StatusServiceUnavailable, byStreams,
			fmt.Sprintf("%d clients follow the events already (key \"max_streams\"); ask for JSON instead", a.conf.MaxStreams))
		return
	}
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
	newStream(r.Context(), w).run(a.journal, last)
}

// stream is one client that follows the events. It reads the journal at its own pace, so it holds up nobody: if it is
// too slow it misses events, and is told how many.
type stream struct {
	ctx context.Context
	w   http.ResponseWriter
	rc  *http.ResponseController
}

func newStream(ctx context.Context, w http.ResponseWriter) *stream {
	return &stream{ctx, w, http.NewResponseController(w)}
}

// run writes until the client is gone, or takes nothing for too long, or the block finishes.
func (s *stream) run(j *journal, last uint64) {
	// The finish also ends a write that waits for a client. The controller is good for as long as the handler runs.
	ended := make(chan struct{})
	forget := context.AfterFunc(s.ctx, func() { defer close(ended); s.hurry() })
	defer func() {
		if !forget() {
			<-ended
		}
		s.hurry()
	}()
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	text := fmt.Sprintf("retry: %d\n\n", retryAfter.Milliseconds())
	for {
		events, missed, now, more := j.after(last)
		last = now
		if s.write(text+frames(events, missed)) != nil {
			return
		}
		text = ""
		select {
		case <-more:
		case <-alive.C:
			text = ": still here\n\n"
		case <-s.ctx.Done():
			return
		}
	}
}

// hurry leaves the client a moment to take what was written, and the end of the stream.
func (s *stream) hurry() { _ = s.rc.SetWriteDeadline(time.Now().Add(lastMoment)) }

func (s *stream) write(text string) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(streamLimit)); err != nil {
		return err
	}
	if s.ctx.Err() != nil { // after the deadline was set: see run
		return s.ctx.Err()
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	if err := s.rc.Flush(); err != nil {
		return err
	}
	return s.rc.SetWriteDeadline(time.Time{}) // over HTTP/2 it would end the stream also while nothing is written
}

// frames puts events in the form of a stream. The field "event" is "missed" for the marker, else absent.
func frames(events []Entry, missed uint64) string {
	var b strings.Builder
	if missed > 0 {
		fmt.Fprintf(&b, "event: missed\ndata: {\"count\":%d}\n\n", missed)
	}
	for _, e := range events {
		text, err := json.Marshal(e) // in one line
		if err != nil {
			text = []byte("null") // not possible: strings and a time
		}
		fmt.Fprintf(&b, "id: %s\ndata: %s\n\n", e.ID, text)
	}
	return b.String()
}
