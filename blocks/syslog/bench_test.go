//go:build unix

package syslog

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// endless repeats a text for ever.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], e.text[e.at:])
		n += m
		e.at = (e.at + m) % len(e.text)
	}
	return n, nil
}

// cpuTime is what the process has used, garbage collection included: on a machine that others use, too, it tells more than
// the time that has passed.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLine is what a line costs from the connection's bytes to the message that is sent.
func BenchmarkLine(b *testing.B) {
	lines := map[string]string{
		"RFC3164":    "<13>Nov 20 07:30:01 host app[123]: An application event log entry of usual length...\n",
		"RFC5424":    "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.\n",
		"Structured": "<13>1 2026-11-20T07:30:01.123456+00:00 host root - - [timeQuality tzKnown=\"1\" isSynced=\"1\"] hello\n",
		"Octets":     "82 <13>Nov 20 07:30:01 host app[123]: An application event log entry of usual length.",
		"Unparsed":   "<166>:Nov 20 07:30:01 UTC: %ASA-session-6-305012: Teardown dynamic TCP translation\n",
	}
	for name, line := range lines {
		b.Run(name, func(b *testing.B) {
			f := newReceiver(nil)
			f.conf = DefaultConf()
			f.loc = time.UTC
			f.pass = newFilter(nil, "", false)
			f.sendTo(nobody{})
			from := source{peer: "192.0.2.1:514", transport: transportTCP, lines: f.count.of(transportTCP)}
			framer := NewFramer(f.conf.MaxLine)
			parser := newParser(f.loc, false)
			bytes := &endless{text: []byte(line)}
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				frame, ok, err := framer.Next()
				for ; !ok; frame, ok, err = framer.Next() {
					if _, fillErr := framer.Fill(bytes); err != nil || fillErr != nil {
						b.Fatal(err)
					}
				}
				if f.deliver(parser, frame, &from, time.Now(), nil) != sent {
					b.Fatal("not sent")
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			if unparsed := f.count.unparsed.Load() > 0; unparsed != (name == "Unparsed") {
				b.Fatal("unparsed:", unparsed)
			}
		})
	}
}

// BenchmarkTCP is the same with a connection, a framer and a flight around it, the sending included.
func BenchmarkTCP(b *testing.B) {
	f := newReceiver(slog.New(slog.DiscardHandler))
	conf := DefaultConf()
	conf.Listen = []string{"tcp://127.0.0.1:0"}
	if err := f.Init(func(_ string, result any) error { *result.(*Conf) = conf; return nil }); err != nil {
		b.Fatal(err)
	}
	f.sendTo(nobody{})
	f.flush = b.Context()
	s := f.servers[0]
	var serving sync.WaitGroup
	serving.Go(s.serve)
	_, address := s.address()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	const batch = 100
	text := []byte(strings.Repeat("<13>Nov 20 07:30:01 host app[123]: An application event log entry of usual length...\n", batch))
	b.ReportAllocs()
	before := cpuTime(b)
	sent := 0
	for b.Loop() {
		if sent%batch == 0 {
			if _, err := c.Write(text); err != nil {
				b.Fatal(err)
			}
		}
		sent++
	}
	c.Close()
	s.drain(time.Now().Add(time.Second))
	serving.Wait()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	if got := f.count.of(transportTCP).Load(); got < uint64(sent) {
		b.Fatal("lost:", uint64(sent)-got)
	}
}
