// Package feed hands items over to a slow reader without ever holding up the writer.
package feed

import (
	"sync"

	"github.com/sputnik-go/sputnik/internal/fifo"
	"github.com/sputnik-go/sputnik/internal/worker"
)

// Feed delivers items in order on one goroutine. Put and Close may be called from anywhere.
type Feed[T any] struct {
	deliver func(T)
	missed  func(count int)
	limit   int
	wake    chan struct{} // 1 slot
	done    chan struct{}

	mu     sync.Mutex
	queue  fifo.Queue[T]
	lost   int
	closed bool
}

// New starts a feed. It calls deliver with each item, and missed with the number of those that were lost
// because more than limit were waiting. A callback that ends the goroutine costs no more than its item.
func New[T any](limit int, deliver func(T), missed func(count int)) *Feed[T] {
	f := &Feed[T]{
		deliver: deliver, missed: missed, limit: limit,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go f.run()
	return f
}

// Put adds an item and tells whether it will be delivered. It never blocks. After Close it does nothing.
func (f *Feed[T]) Put(item T) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return false
	case f.queue.Len() >= f.limit:
		f.lost++
		return false
	}
	f.queue.Push(item)
	worker.Nudge(f.wake)
	return true
}

// Close lets what was put be delivered; the returned channel is closed when it is, and the goroutine ends.
func (f *Feed[T]) Close() <-chan struct{} {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	worker.Nudge(f.wake)
	return f.done
}

func (f *Feed[T]) run() {
	over := false
	defer func() {
		if over {
			close(f.done)
		} else {
			go f.run()
		}
	}()
	for !over {
		over = f.step()
	}
}

// step delivers one item, or waits for more. It returns true after the last one.
func (f *Feed[T]) step() bool {
	f.mu.Lock()
	switch {
	case f.queue.Len() > 0:
		item := f.queue.Pop()
		f.mu.Unlock()
		f.deliver(item)
		return false
	case f.lost > 0:
		lost := f.lost
		f.lost = 0
		f.mu.Unlock()
		f.missed(lost)
		return false
	}
	closed := f.closed
	f.mu.Unlock()
	if !closed {
		<-f.wake
	}
	return closed
}
