package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/auto"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// byHand is the argument that makes of this program the sidecar that is written by hand.
const byHand = "by-hand"

const (
	streamName = "SYSLOG"
	window     = 1000 // messages published and not yet acknowledged, as syslog2nats has it
	maxLine    = 65 << 10
)

// hand is what one would write for the occasion: a goroutine for each connection, go-syslog, PublishMsgAsync. It neither
// reconnects nor publishes again, has no UDP and no configuration, and drops what it can't parse.
type hand struct {
	js      jetstream.JetStream
	futures chan jetstream.PubAckFuture // bounded: holds up the connections
	counter atomic.Uint64
	failed  atomic.Uint64
}

func runByHand(store string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	broker, err := server.NewServer(&server.Options{
		ServerName: byHand, JetStream: true, StoreDir: store, NoSigs: true, NoLog: true, Host: "127.0.0.1", Port: server.RANDOM_PORT,
	})
	if err != nil {
		return err
	}
	broker.Start()
	defer broker.WaitForShutdown()
	defer broker.Shutdown()
	if !broker.ReadyForConnections(10 * time.Second) {
		return errors.New("the broker does not come up")
	}
	fmt.Fprintln(os.Stderr, "msg=listening nats="+broker.ClientURL())

	nc, err := nats.Connect("", nats.InProcessServer(broker))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1<<20))
	if err != nil {
		return err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{"syslog.>"}, Duplicates: 2 * time.Minute}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "msg=listening tcp="+listener.Addr().String()+"\nmsg=ready")
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	h := &hand{js: js, futures: make(chan jetstream.PubAckFuture, window)}
	return h.serve(listener)
}

// serve returns when the listener is closed and all connections have ended.
func (h *hand) serve(listener net.Listener) error {
	var reading, acks sync.WaitGroup
	acks.Go(h.awaitAcks)
	for {
		conn, err := listener.Accept()
		if err != nil {
			break // closed
		}
		reading.Go(func() {
			if err := h.read(conn); err != nil {
				fmt.Fprintln(os.Stderr, "connection:", err)
			}
			_ = conn.Close()
		})
	}
	reading.Wait()
	close(h.futures)
	acks.Wait()
	if n := h.failed.Load(); n > 0 {
		return fmt.Errorf("%d lines not stored", n)
	}
	return nil
}

func (h *hand) awaitAcks() {
	for f := range h.futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			if h.failed.Add(1) == 1 {
				fmt.Fprintln(os.Stderr, "not stored:", err)
			}
		}
	}
}

func (h *hand) read(conn net.Conn) error {
	peer := conn.RemoteAddr().String()
	r := bufio.NewReaderSize(conn, maxLine)
	machine := auto.NewMachine(auto.WithRFC3164Options(rfc3164.WithRFC3339(), rfc3164.WithSecondFractions(), rfc3164.WithYear(rfc3164.CurrentYear{})))
	for {
		line, err := frame(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		message, err := machine.Parse(line)
		if err != nil {
			h.failed.Add(1)
			continue
		}
		if err := h.publish(message, peer); err != nil {
			return err
		}
	}
}

// frame reads an octet count and what it counts, or a line. It is valid until the next call.
func frame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(1)
	if err != nil {
		return nil, err
	}
	if head[0] < '1' || head[0] > '9' {
		line, err := r.ReadSlice('\n')
		return bytes.TrimRight(line, "\r\n"), err
	}
	text, err := r.ReadString(' ')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || n > maxLine {
		return nil, fmt.Errorf("octet count %q", text)
	}
	line, err := r.Peek(n)
	if err != nil {
		return nil, err
	}
	_, err = r.Discard(n)
	return line, err
}

// record is the payload, the same as that of syslog2nats.
type record struct {
	Received   time.Time                    `json:"received"`
	Peer       string                       `json:"peer"`
	Transport  string                       `json:"transport"`
	Format     string                       `json:"format"`
	Facility   string                       `json:"facility,omitempty"`
	Severity   string                       `json:"severity,omitempty"`
	Timestamp  string                       `json:"timestamp,omitempty"`
	Hostname   string                       `json:"hostname,omitempty"`
	App        string                       `json:"app,omitempty"`
	ProcID     string                       `json:"procid,omitempty"`
	MsgID      string                       `json:"msgid,omitempty"`
	Structured map[string]map[string]string `json:"structured_data,omitempty"`
	Message    string                       `json:"message,omitempty"`
}

func (h *hand) publish(message gosyslog.Message, peer string) error {
	rec := record{Received: time.Now().UTC(), Peer: peer, Transport: "tcp"}
	var base *gosyslog.Base
	switch m := message.(type) {
	case *rfc3164.SyslogMessage:
		base, rec.Format = &m.Base, "rfc3164"
	case *rfc5424.SyslogMessage:
		base, rec.Format = &m.Base, "rfc5424"
		if m.StructuredData != nil {
			rec.Structured = *m.StructuredData
		}
	}
	if base == nil || base.Priority == nil {
		h.failed.Add(1)
		return nil
	}
	rec.Facility, rec.Severity = *base.FacilityLevel(), *base.SeverityShortLevel()
	if base.Timestamp != nil {
		rec.Timestamp = base.Timestamp.Format(time.RFC3339Nano)
	}
	rec.Hostname, rec.App, rec.ProcID = text(base.Hostname), text(base.Appname), text(base.ProcID)
	rec.MsgID, rec.Message = text(base.MsgID), text(base.Message)
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	future, err := h.js.PublishMsgAsync(&nats.Msg{
		Subject: "syslog." + rec.Facility + "." + rec.Severity,
		Data:    data,
		Header:  nats.Header{jetstream.MsgIDHeader: {byHand + strconv.FormatUint(h.counter.Add(1), 36)}},
	})
	if err != nil {
		return err
	}
	h.futures <- future
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
