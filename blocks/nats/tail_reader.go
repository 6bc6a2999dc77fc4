package nats

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
)

// tailReader reads a stream across connections: every message once, in order.
type tailReader struct {
	log      *slog.Logger
	conn     *Connection
	begun    bool
	last     uint64 // sequence of the last message printed, or that was there at the beginning
	messages chan tailed
	failed   chan error

	stream  *reader
	quit    chan struct{}
	reading sync.WaitGroup
}

// tailed is a message on its way to the output.
type tailed struct {
	jetstream.Msg
	sequence uint64 // in the stream
}

// attach goes on with another connection, nil for none.
func (r *tailReader) attach(conn *Connection) {
	r.detach()
	if conn == nil {
		return
	}
	if !r.begun || conn.Info.State.LastSeq < r.last { // at the beginning, or the stream was made anew
		r.begun = true
		r.last = conn.Info.State.LastSeq
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	stream, err := conn.readFrom(ctx, r.last+1, false)
	if err != nil {
		conn.Fail(err) // the next connection may do better
		return
	}
	r.conn, r.stream, r.quit = conn, stream, make(chan struct{})
	r.reading.Go(func() { r.read(stream, r.quit) })
}

func (r *tailReader) detach() {
	if r.conn == nil {
		return
	}
	close(r.quit)
	r.stream.Stop()
	r.reading.Wait()
	r.conn = nil
	if len(r.failed) > 0 {
		r.log.Debug("after the connection's end", "error", <-r.failed)
	}
}

func (r *tailReader) read(stream *reader, quit <-chan struct{}) {
	for {
		msg, meta, err := stream.next()
		if err != nil {
			if !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
				r.failed <- err
			}
			return
		}
		select {
		case r.messages <- tailed{msg, meta.Sequence.Stream}:
		case <-quit:
			return
		}
	}
}

func (r *tailReader) print(out io.Writer, msg tailed) error {
	r.last = msg.sequence
	_, err := io.WriteString(out, "#"+strconv.FormatUint(r.last, 10)+" "+describe(msg.Subject(), msg.Data())+"\n")
	return err
}

// describe puts a syslog record in one line; of other payloads it shows the subject and the bytes.
func describe(subject string, payload []byte) string {
	var record struct {
		Received           time.Time
		Peer               string
		Facility, Severity string
		Hostname, App      string
		ProcID             string
		Message, Raw       string
		RawBase64          []byte `json:"raw_base64"`
		Truncated          bool
	}
	if err := json.Unmarshal(payload, &record); err != nil || record.Received.IsZero() {
		return subject + " " + printable(string(payload))
	}
	var b strings.Builder
	b.WriteString(record.Received.Format(time.RFC3339) + " " + record.Peer + " ")
	if record.Facility == "" {
		b.WriteString("unparsed: " + printable(record.Raw+string(record.RawBase64)))
	} else {
		b.WriteString(record.Facility + "." + record.Severity)
		source := record.App
		if record.ProcID != "" {
			source += "[" + record.ProcID + "]"
		}
		for _, s := range []string{record.Hostname, source} {
			if s != "" {
				b.WriteString(" " + printable(s))
			}
		}
		b.WriteString(": " + printable(record.Message))
	}
	if record.Truncated {
		b.WriteString(" [truncated]")
	}
	return b.String()
}

// printable escapes what a terminal would take as a command: the text is foreign.
func printable(s string) string {
	plain := func(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && r != utf8.RuneError }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if plain(r) {
			b.WriteRune(r)
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		quoted := strconv.Quote(s[i : i+size])
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
