package feed

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sputnik-go/sputnik/internal/lazy"
)

// Bus is a Feed to readers that come and go. Nothing is kept, and no goroutine runs, before it is open. Its methods may
// be called from anywhere, but for those of the Fan, which are for the goroutine that delivers.
type Bus[T any] struct {
	Fan[T]

	limit   int
	deliver func(T)
	missed  func(count int)

	mu     sync.Mutex
	closed bool
	feed   atomic.Pointer[Feed[parcel[T]]]
}

// parcel is an item, or a reader that comes or goes.
type parcel[T any] struct {
	item   T
	reader *func(T)
	goes   bool
}

// Init makes a bus usable: see New.
func (b *Bus[T]) Init(limit int, deliver func(T), missed func(count int)) {
	b.limit, b.deliver, b.missed = limit, deliver, missed
}

// Open starts to keep and to deliver items.
func (b *Bus[T]) Open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed.Load() == nil && !b.closed {
		b.feed.Store(New(b.limit, b.unpack, b.missed))
	}
}

func (b *Bus[T]) unpack(p parcel[T]) {
	switch {
	case p.reader == nil:
		b.deliver(p.item)
	case p.goes:
		b.Leave(p.reader)
	default:
		b.Readers = append(b.Readers, p.reader)
	}
}

// Join adds a reader, which gets each item that is put from now on, and opens the bus. No call of the reader begins after
// leave. It returns false after Close.
func (b *Bus[T]) Join(reader func(T)) (leave func(), ok bool) {
	b.Open()
	f := b.feed.Load()
	if f == nil {
		return func() {}, false
	}
	var gone atomic.Bool
	joined := func(item T) {
		if !gone.Load() {
			reader(item)
		}
	}
	leave = func() {
		gone.Store(true)
		f.Put(parcel[T]{reader: &joined, goes: true})
	}
	return leave, f.Put(parcel[T]{reader: &joined})
}

// IsOpen tells whether items are kept at all.
func (b *Bus[T]) IsOpen() bool { return b.feed.Load() != nil }

// Put adds an item and tells whether it will be delivered. It never blocks.
func (b *Bus[T]) Put(item T) bool {
	f := b.feed.Load()
	return f != nil && f.Put(parcel[T]{item: item})
}

// Now is the time, which nobody asks for before the bus is open.
func (b *Bus[T]) Now() (now time.Time) {
	if b.IsOpen() {
		now = time.Now()
	}
	return now
}

// Close lets what was put be delivered; the returned channel is closed when it is.
func (b *Bus[T]) Close() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if f := b.feed.Load(); f != nil {
		return f.Close()
	}
	return lazy.Closed()
}
