package httpin

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// budget bounds the bytes of all bodies that are held at a time.
type budget struct {
	most int64
	held atomic.Int64
}

func (b *budget) take(n int) bool {
	if b.held.Add(int64(n)) <= b.most {
		return true
	}
	b.held.Add(-int64(n))
	return false
}

// body is a request's body while it is held.
type body struct {
	budget *budget
	bytes  []byte
	taken  int // of the budget
}

// release gives back what was taken. The bytes stay the reader's.
func (b *body) release() { b.budget.held.Add(-int64(b.taken)) }

const firstBody = 4<<10 - 1 // bytes: what a body is given before anything of it has come

// read reads the body of a request. It takes memory as bytes come in, so that a client that only announces them costs none.
func (b *body) read(w http.ResponseWriter, r *http.Request, conf *Conf) *problem {
	tooLarge := func() *problem {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", conf.MaxBody).
			remedy("send at most %d bytes in a request (max_body)", conf.MaxBody)
	}
	most := conf.MaxBody
	switch {
	case r.ContentLength > int64(most):
		return tooLarge()
	case r.ContentLength >= 0: // a message is passed on in these bytes: it shouldn't hold more of them than it needs
		most = int(r.ContentLength)
	}
	from := http.MaxBytesReader(w, r.Body, int64(conf.MaxBody))
	for {
		if len(b.bytes) == cap(b.bytes) && !b.grow(most) {
			return refuse(http.StatusTooManyRequests,
				"the bodies of all requests have more than %d bytes (max_pending_bytes)", conf.MaxPendingBytes).
				remedy("send again later").of(new(outcome)).retryAfter(conf.RetryAfter)
		}
		n, err := from.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch _, large := errors.AsType[*http.MaxBytesError](err); {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case large:
			return tooLarge()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return refuse(http.StatusRequestTimeout,
				"the request did not arrive within %s (read_timeout)", conf.ReadTimeout).
				remedy("send it faster, or less in a request").with("Connection", "close")
		default:
			return refuse(http.StatusBadRequest, "the body can't be read: %v", err).
				remedy("send it again").with("Connection", "close")
		}
	}
}

// grow makes more room, of most bytes in all, if the budget has as much. The byte in which the end is noticed isn't counted:
// else a body as large as the budget would never fit.
func (b *body) grow(most int) bool {
	size := min(max(firstBody, 2*cap(b.bytes)-1), most)
	if !b.budget.take(size - b.taken) {
		return false
	}
	b.taken = size
	b.bytes = append(make([]byte, 0, size+1), b.bytes...)
	return true
}
