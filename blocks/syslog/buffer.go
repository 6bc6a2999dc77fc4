package syslog

import "io"

const (
	firstBuffer = 4 << 10  // what an idle connection costs
	busyBuffer  = 16 << 10 // what one costs that fills its buffer; more only for longer lines
)

// buffer holds what was read of a connection and not consumed yet. It never grows by what a peer claims.
type buffer struct {
	buf  []byte
	r, w int  // unread bytes are buf[r:w]
	full bool // the last read filled it
}

func newBuffer(most int) buffer {
	return buffer{buf: make([]byte, min(firstBuffer, most))}
}

// Fill reads once from r. It makes room first, so it invalidates the Data of earlier frames.
func (b *buffer) Fill(r io.Reader) (int, error) {
	old := b.buf
	if b.w-b.r == len(b.buf) || b.full && len(b.buf) < busyBuffer {
		b.buf = make([]byte, 2*len(old))
	}
	if b.r > 0 || len(old) != len(b.buf) {
		b.w = copy(b.buf, old[b.r:b.w])
		b.r = 0
	}
	n, err := r.Read(b.buf[b.w:])
	b.w += n
	b.full = b.w == len(b.buf)
	return n, err
}
