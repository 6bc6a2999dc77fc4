package syslog

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// RELP commands, and what is answered.
const (
	relpOpen   = "open"
	relpSyslog = "syslog"
	relpClose  = "close"
	relpHint   = "serverclose"
	relpReply  = "rsp"

	relpOK     = "200 OK"
	relpOffers = relpOK + "\nrelp_version=0\nrelp_software=sputnik\ncommands=syslog"
)

// What one connection may have open before no more of it is read: lines that wait for the receiving block's answer, and
// bytes of answers that the peer doesn't take.
const (
	relpWindow  = 1024
	relpAnswers = 64 << 10
)

// relpSession is the server's end of one RELP connection. Its reader is the connection's goroutine; answers come from any
// goroutine and are written by one more.
//
// A line is answered when the receiving block has stored it. rsyslog (librelp 1.11) throws away a line that is answered
// by an error, but sends again, on its next connection, what was not answered when this one ends. So a line that isn't
// stored for a reason that may pass ends the session unanswered, once the others are answered; only what is refused for
// good is answered by 500.
type relpSession struct {
	c       *conn
	parser  *parser
	opened  bool
	wake    chan struct{} // of capacity 1: there is something to write
	changed chan struct{} // of capacity 1: a transaction has ended
	broken  chan struct{} // closed by the writer: the peer takes no answers

	mu      sync.Mutex
	waiting int    // lines that wait for their end
	left    int    // lines that ended without an answer
	out     []byte // answers to be written
	failed  error  // why a line was not stored
	closed  bool   // nothing is written after out
}

// refusal is how an error says that a line is refused for good, so that it's of no use to send it again.
type refusal interface{ Permanent() bool }

func speakRELP(c *conn) {
	s := &relpSession{
		c: c, parser: newParser(c.r.loc, c.r.conf.KeepRaw),
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1), broken: make(chan struct{}),
	}
	var writing sync.WaitGroup
	writing.Go(s.write)
	answer := s.read()
	left := s.close(answer)
	writing.Wait()
	c.r.count.relpLeft.Add(uint64(left))
}

// read takes commands until the connection is to end. answer is what is still to be written after what is waited for;
// nil: the peer is gone, or doesn't speak RELP.
func (s *relpSession) read() (answer []byte) {
	framer := newRELPFramer(s.c.r.conf.MaxLine)
	hint := appendRELP(nil, 0, relpHint, "")
	progress := false
	for {
		err := s.c.fill(framer, progress)
		received := time.Now()
		progress = false
		for {
			frame, ok, wrong := framer.Next()
			if wrong != nil {
				s.c.r.count.oversize.Add(1)
				s.c.warn("connection closed", "error", wrong)
				return nil
			}
			if !ok {
				break
			}
			progress = true
			switch end, reply := s.command(frame, received); {
			case end && reply:
				return append(appendRELP(nil, frame.txnr, relpReply, ""), hint...)
			case end:
				return hint
			}
			if !s.room() {
				return hint
			}
		}
		switch {
		case err == nil && !s.hasFailed():
		case s.hasFailed() || s.c.finishing():
			return hint
		case errors.Is(err, os.ErrDeadlineExceeded) && !framer.Pending() && s.count() > 0: // idle, as we haven't answered
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.c.logEnd(err)
			return hint
		default:
			s.c.logEnd(err)
			return nil
		}
	}
}

// command does one. end: it was the last, and reply: it wants an answer after all others.
func (s *relpSession) command(frame relpFrame, received time.Time) (end, reply bool) {
	switch {
	case frame.command == relpClose:
		return true, true
	case frame.command == relpOpen && !s.opened:
		commands, _ := relpOffer(frame.data, "commands")
		if !slices.Contains(strings.Split(commands, ","), relpSyslog) {
			s.c.warn("connection closed: the RELP client doesn't offer the command syslog", "commands", brief(commands))
			s.answer(frame.txnr, "500 the command syslog is required")
			return true, false
		}
		s.opened = true
		s.answer(frame.txnr, relpOffers)
		return false, false
	case frame.command != relpSyslog || !s.opened:
		s.c.warn("connection closed: RELP command out of place", "command", frame.command, "opened", s.opened)
		s.answer(frame.txnr, "500 command out of place")
		return true, false
	}
	return s.line(frame, received), false
}

// line delivers one. end: the receiving block takes none any more.
func (s *relpSession) line(frame relpFrame, received time.Time) (end bool) {
	txnr := frame.txnr
	data := trim(frame.data)
	if len(data) == 0 {
		s.answer(txnr, relpOK)
		return false
	}
	s.mu.Lock()
	s.waiting++
	s.mu.Unlock()
	done := func(err error) { s.done(txnr, err) }
	switch s.c.r.deliver(s.parser, Frame{Data: data, Truncated: frame.truncated}, &s.c.from, received, done) {
	case filtered:
		s.done(txnr, nil)
	case refused:
		s.mu.Lock()
		s.waiting--
		s.left++
		s.mu.Unlock()
		return true
	case sent:
	}
	return false
}

// done ends a transaction: it is the receiving block that calls it, from any goroutine.
func (s *relpSession) done(txnr int, err error) {
	count := &s.c.r.count
	s.mu.Lock()
	s.waiting--
	permanent, ok := errors.AsType[interface {
		error
		refusal
	}](err)
	switch {
	case s.closed: // too late: it comes again, or was left
	case err == nil:
		count.relpAcked.Add(1)
		s.out = appendRELP(s.out, txnr, relpReply, relpOK)
	case ok && permanent.Permanent():
		count.relpRefused.note(err.Error())
		s.out = appendRELP(s.out, txnr, relpReply, "500 "+oneLine(err.Error()))
	default:
		s.left++
		s.failed = err
	}
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		s.c.readUntil(time.Now()) // no more commands
	}
	notify(s.wake)
	notify(s.changed)
}

func (s *relpSession) answer(txnr int, text string) {
	s.mu.Lock()
	s.out = appendRELP(s.out, txnr, relpReply, text)
	s.mu.Unlock()
	notify(s.wake)
}

func (s *relpSession) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

func (s *relpSession) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting >= relpWindow || len(s.out) >= relpAnswers
}

func (s *relpSession) hasFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed != nil
}

// room waits until there is room for one more line. false: the session is at its end.
func (s *relpSession) room() bool {
	for s.full() {
		if !s.waitForChange(nil) {
			return false
		}
	}
	return !s.hasFailed()
}

func (s *relpSession) waitForChange(limit <-chan time.Time) bool {
	select {
	case <-s.changed:
		return true
	case <-limit:
	case <-s.broken:
	case <-s.c.r.flush.Done():
	}
	return false
}

// close waits for what has been delivered, as long as there is an answer to give, and lets the writer end. It returns how
// many lines stay without one.
func (s *relpSession) close(answer []byte) int {
	if answer != nil {
		limit := time.NewTimer(s.c.r.conf.FrameTimeout)
		defer limit.Stop()
		for s.count() > 0 && s.waitForChange(limit.C) {
		}
	}
	s.mu.Lock()
	s.closed = true
	s.out = append(s.out, answer...)
	left, failed := s.waiting+s.left, s.failed
	s.mu.Unlock()
	notify(s.wake)
	if failed != nil {
		s.c.warn("RELP session closed: a line was not stored, the sender keeps it", "error", failed)
	}
	return left
}

// write writes the answers until the session is closed, or the peer doesn't take them.
func (s *relpSession) write() {
	var spare []byte
	for {
		s.mu.Lock()
		out, last := s.out, s.closed
		s.out = spare[:0]
		s.mu.Unlock()
		if len(out) > 0 {
			notify(s.changed)
			if _, err := s.c.stream.Write(out); err != nil {
				close(s.broken)
				_ = s.c.raw.Close() // the reader, too, is to see it
				return
			}
		}
		if last {
			return
		}
		spare = out
		<-s.wake
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
