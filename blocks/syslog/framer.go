package syslog

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxDigits  = 20 // longer runs of digits are text, not a length
	skipFactor = 16 // an octet count up to skipFactor*max is cut and skipped, beyond it is refused
)

const bom = "\xEF\xBB\xBF"

// Frame is one line as it was found in the byte stream, without its framing.
type Frame struct {
	// Data belongs to the framer and is valid until its next Fill.
	Data []byte
	// Truncated: the line was longer than the limit, or its end never came.
	Truncated bool
}

// OversizeError is an octet count so large that skipping its bytes would be a service to an attacker.
type OversizeError struct {
	Count string // as it was sent: it may not fit any integer
	Limit int
}

func (e *OversizeError) Error() string {
	return fmt.Sprintf("octet count %s is over the limit of %d", e.Count, e.Limit)
}

// Framer splits one connection's bytes into syslog frames (RFC 6587). The framing is found anew for each frame: a
// length, a space and "<" is an octet count; everything else is a line that ends with LF or NUL. Once a connection has
// sent an octet count, the next length needs no "<" behind it. What comes out does not depend on how the bytes were
// split into reads. A Framer never allocates by a length that a peer claims.
type Framer struct {
	buffer
	max   int
	seen  int  // bytes after r known to hold no delimiter
	skip  int  // bytes of a cut octet frame still to drop
	drop  bool // drop until the next delimiter: the rest of a cut line
	begun bool // the leading BOM was dealt with
	octet bool // the previous frame was an octet count
}

// NewFramer makes a framer for lines of at most limit bytes.
func NewFramer(limit int) *Framer {
	return &Framer{max: limit, buffer: newBuffer(limit + maxDigits + 2)}
}

// Pending tells whether a frame has begun and is not complete.
func (f *Framer) Pending() bool { return f.r < f.w || f.drop || f.skip > 0 }

// Next returns the next complete frame; false says that it takes more bytes. Empty lines are no frames. After an error
// the connection is of no more use.
func (f *Framer) Next() (Frame, bool, error) {
	for {
		if !f.settle() || f.r == f.w {
			return Frame{}, false, nil
		}
		count, header, kind := f.length()
		switch kind {
		case unsure:
			return Frame{}, false, nil
		case oversize:
			return Frame{}, false, &OversizeError{Count: string(f.buf[f.r : f.r+header]), Limit: skipFactor * f.max}
		case counted:
			frame, ok := f.countedFrame(count, header)
			if !ok || len(frame.Data) > 0 {
				return frame, ok, nil
			}
		case line:
			frame, ok := f.lineFrame()
			if !ok || len(frame.Data) > 0 {
				return frame, ok, nil
			}
		}
	}
}

// Rest returns what is left when the connection has ended: the half of a frame.
func (f *Framer) Rest() (Frame, bool) {
	if f.drop || f.skip > 0 {
		return Frame{}, false
	}
	rest := f.buf[f.r:f.w]
	if _, header, kind := f.length(); kind == counted {
		rest = rest[header:]
	}
	f.r = f.w
	rest = trim(rest)
	if len(rest) > f.max {
		rest = cut(rest, f.max)
	}
	return Frame{Data: rest, Truncated: true}, len(rest) > 0
}

// settle drops what belongs to no frame; false says that it takes more bytes.
func (f *Framer) settle() bool {
	if !f.begun {
		head := string(f.buf[f.r:min(f.w, f.r+len(bom))])
		switch {
		case head == bom:
			f.r += len(bom)
		case strings.HasPrefix(bom, head):
			return false
		}
		f.begun = true
	}
	if f.skip > 0 {
		n := min(f.skip, f.w-f.r)
		f.r += n
		f.skip -= n
		return f.skip == 0
	}
	if f.drop {
		i := delimiter(f.buf[f.r:f.w])
		if i < 0 {
			f.r = f.w
			return false
		}
		f.r += i + 1
		f.drop = false
	}
	return true
}

type frameKind int

const (
	line frameKind = iota
	counted
	unsure // more bytes are needed to tell
	oversize
)

// length reads an octet count at the beginning of a frame. header is the size of the count and its space, for oversize
// that of the digits alone.
func (f *Framer) length() (count, header int, kind frameKind) {
	head := f.buf[f.r:f.w]
	limit := skipFactor * f.max
	for i, c := range head {
		switch {
		case c == '0' && i == 0:
			return 0, 0, line
		case c >= '0' && c <= '9':
			if i == maxDigits {
				return 0, 0, line
			}
			count = min(count*10+int(c-'0'), limit+1)
		case c != ' ' || i == 0:
			return 0, 0, line
		case !f.octet && i+1 == len(head):
			return 0, 0, unsure
		case !f.octet && head[i+1] != '<':
			return 0, 0, line
		case count > limit:
			return 0, i, oversize
		default:
			return count, i + 1, counted
		}
	}
	return 0, 0, unsure
}

func (f *Framer) countedFrame(count, header int) (Frame, bool) {
	keep := min(count, f.max)
	if f.w-f.r < header+keep {
		return Frame{}, false
	}
	data := f.buf[f.r+header : f.r+header+keep]
	f.r += header + keep
	f.skip = count - keep
	f.octet = true
	f.seen = 0
	if f.skip > 0 {
		return Frame{Data: cut(data, f.max), Truncated: true}, true
	}
	return Frame{Data: trim(data)}, true
}

func (f *Framer) lineFrame() (Frame, bool) {
	const crlf = 2 // a line of exactly max bytes may end with CR LF
	head := f.buf[f.r:min(f.w, f.r+f.max+crlf)]
	i := delimiter(head[f.seen:])
	if i < 0 {
		if len(head) < f.max+crlf {
			f.seen = len(head)
			return Frame{}, false
		}
		f.r += len(head)
		f.seen = 0
		f.drop = true
		f.octet = false
		return Frame{Data: cut(head, f.max), Truncated: true}, true
	}
	i += f.seen
	f.r += i + 1
	f.seen = 0
	f.octet = false
	data := trim(head[:i])
	if len(data) > f.max {
		return Frame{Data: cut(data, f.max), Truncated: true}, true
	}
	return Frame{Data: data}, true
}

// delimiter is the index of the first LF or NUL, -1 if there is none.
func delimiter(p []byte) int {
	i := bytes.IndexByte(p, '\n')
	if i >= 0 {
		p = p[:i]
	}
	if j := bytes.IndexByte(p, 0); j >= 0 {
		return j
	}
	return i
}

// trim takes off what senders put at the end of a message in addition to its framing.
func trim(p []byte) []byte {
	return bytes.TrimRight(p, "\r\n\x00")
}

// cut shortens p to at most limit bytes, less what would be left of a rune at the end.
func cut(p []byte, limit int) []byte {
	if len(p) > limit {
		p = p[:limit]
	}
	for n := len(p) - 1; n >= 0 && n >= len(p)-utf8.UTFMax; n-- {
		if utf8.RuneStart(p[n]) {
			if !utf8.FullRune(p[n:]) {
				return p[:n]
			}
			break
		}
	}
	return p
}
