// Package fifo is a queue that grows without ever copying what it holds.
package fifo

const (
	first   = 8
	largest = 1024
)

// Queue is a FIFO in a chain of chunks of growing size. A push costs no more when the queue is long, and a burst leaves
// no more behind than a few chunks. The zero value is an empty queue. It is not safe for concurrent use.
type Queue[T any] struct {
	head, tail *chunk[T]
	spare      *chunk[T] // emptied, for the next pushes: two at most
	size       int
}

type chunk[T any] struct {
	next  *chunk[T]
	r, w  int
	items []T
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return q.size }

// Push appends an item.
func (q *Queue[T]) Push(item T) {
	t := q.tail
	if t == nil || t.w == len(t.items) {
		t = q.grow()
	}
	t.items[t.w] = item
	t.w++
	q.size++
}

func (q *Queue[T]) grow() *chunk[T] {
	n := q.spare
	if n != nil {
		q.spare, n.next = n.next, nil
	} else {
		size := first
		if q.tail != nil {
			size = min(2*len(q.tail.items), largest)
		}
		n = &chunk[T]{items: make([]T, size)}
	}
	if q.tail == nil {
		q.head = n
	} else {
		q.tail.next = n
	}
	q.tail = n
	return n
}

// Pop removes the oldest item. The queue must not be empty.
func (q *Queue[T]) Pop() T {
	h := q.head
	item := h.items[h.r]
	var none T
	h.items[h.r] = none
	h.r++
	q.size--
	if h.r == h.w && (q.size == 0 || h.r == len(h.items)) {
		q.shed(h)
	}
	return item
}

// shed takes the emptied head out of the chain.
func (q *Queue[T]) shed(h *chunk[T]) {
	h.r, h.w = 0, 0
	if h == q.tail {
		return // kept in place: the next push starts it anew
	}
	q.head, h.next = h.next, nil // a stale next would keep a whole burst alive
	if q.spare == nil || q.spare.next == nil {
		h.next, q.spare = q.spare, h
	}
}
