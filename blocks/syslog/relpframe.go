package syslog

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// What a RELP frame may have at most, by its specification: TXNR SP COMMAND SP DATALEN [SP DATA] LF.
const (
	relpDigits  = 9
	relpCommand = 32
	relpHeader  = relpDigits + 1 + relpCommand + 1 + relpDigits + 1
)

var errNotRELP = errors.New("not a RELP frame")

// relpFrame is one command of a RELP client. data belongs to the framer and is valid until its next Fill.
type relpFrame struct {
	txnr      int
	command   string
	data      []byte
	truncated bool // there was more data than the limit
}

// relpFramer splits a connection's bytes into RELP frames. What comes out does not depend on how the bytes were split
// into reads, and it never allocates by a length that a peer claims.
type relpFramer struct {
	buffer
	max     int
	skip    int  // bytes of cut data still to drop
	trailer bool // a frame's data is through, its LF is to come
}

func newRELPFramer(limit int) *relpFramer {
	return &relpFramer{max: limit, buffer: newBuffer(relpHeader + limit + 1)}
}

// Pending tells whether a frame has begun and is not complete.
func (f *relpFramer) Pending() bool { return f.r < f.w || f.skip > 0 || f.trailer }

// Next returns the next frame; false says that it takes more bytes. After an error the connection is of no more use.
func (f *relpFramer) Next() (relpFrame, bool, error) {
	n := min(f.skip, f.w-f.r)
	f.r += n
	f.skip -= n
	if f.skip > 0 || f.r == f.w {
		return relpFrame{}, false, nil
	}
	if f.trailer {
		if f.buf[f.r] != '\n' {
			return relpFrame{}, false, f.wrong("its length is wrong")
		}
		f.r++
		f.trailer = false
	}
	frame, size, header, err := f.header()
	if err != nil || header == 0 {
		return relpFrame{}, false, err
	}
	if size > skipFactor*f.max {
		return relpFrame{}, false, &OversizeError{Count: strconv.Itoa(size), Limit: skipFactor * f.max}
	}
	keep := min(size, f.max)
	if f.w-f.r < header+keep {
		return relpFrame{}, false, nil
	}
	frame.data = f.buf[f.r+header : f.r+header+keep]
	frame.truncated = keep < size
	if frame.truncated {
		frame.data = cut(frame.data, f.max)
	}
	f.r += header + keep
	f.skip = size - keep
	f.trailer = true
	return frame, true, nil
}

// header parses what stands before the data, and its size; 0 says that it takes more bytes.
func (f *relpFramer) header() (frame relpFrame, size, header int, err error) {
	rest := f.buf[f.r:f.w]
	number, rest, done := digits(rest)
	if !done || len(rest) == 0 {
		return frame, 0, 0, f.partial(done, "it begins with no number")
	}
	if rest[0] != ' ' {
		return frame, 0, 0, f.wrong("no space behind its number")
	}
	rest = rest[1:]
	i := 0
	for i < len(rest) && i <= relpCommand && (rest[i]|0x20 >= 'a' && rest[i]|0x20 <= 'z') {
		i++
	}
	switch {
	case i > relpCommand || i < len(rest) && (i == 0 || rest[i] != ' '):
		return frame, 0, 0, f.wrong("no command")
	case i == len(rest):
		return frame, 0, 0, nil
	}
	command, rest := rest[:i], rest[i+1:]
	size, rest, done = digits(rest)
	switch {
	case !done || len(rest) == 0:
		return frame, 0, 0, f.partial(done, "no length")
	case size > 0 && rest[0] != ' ' || size == 0 && rest[0] != '\n':
		return frame, 0, 0, f.wrong("no data behind its length")
	case size > 0:
		rest = rest[1:]
	}
	return relpFrame{txnr: number, command: commandName(command)}, size, f.w - f.r - len(rest), nil
}

// digits reads a number of at most relpDigits. done is false where there is none, or more; it may lack its end where
// rest is empty.
func digits(p []byte) (n int, rest []byte, done bool) {
	i := 0
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		if i == relpDigits {
			return 0, nil, false
		}
		n = n*10 + int(p[i]-'0')
		i++
	}
	return n, p[i:], i > 0 || len(p) == 0
}

func (f *relpFramer) partial(ok bool, what string) error {
	if ok {
		return nil
	}
	return f.wrong(what)
}

func (f *relpFramer) wrong(what string) error {
	const shown = 40
	return fmt.Errorf("%w: %s: %q", errNotRELP, what, f.buf[f.r:min(f.w, f.r+shown)])
}

// commandName is the command's text, which costs no allocation for those that come often.
func commandName(p []byte) string {
	switch string(p) {
	case relpSyslog:
		return relpSyslog
	default:
		return string(p)
	}
}

// appendRELP appends a frame as a server sends it.
func appendRELP(b []byte, txnr int, command, data string) []byte {
	b = strconv.AppendInt(b, int64(txnr), 10)
	b = append(append(b, ' '), command...)
	b = strconv.AppendInt(append(b, ' '), int64(len(data)), 10)
	if data != "" {
		b = append(append(b, ' '), data...)
	}
	return append(b, '\n')
}

// relpOffer returns the value of a name in the data of an "open".
func relpOffer(data []byte, name string) (string, bool) {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if key, value, ok := bytes.Cut(line, []byte("=")); ok && string(key) == name {
			return string(bytes.TrimSpace(value)), true
		}
	}
	return "", false
}
