// Package directory finds values by their names, without a lock, and in little memory where most of them are there from
// the beginning.
package directory

import (
	"sync"
	"sync/atomic"
)

// Directory needs [New]. All methods but Fix may be called from anywhere.
type Directory[V any] struct {
	fixed map[string]int32    // never changes after the last Fix
	slots []atomic.Pointer[V] // nil: removed
	late  sync.Map            // of *V, by names that are not fixed
}

// New makes a directory for so many values, and others to come.
func New[V any](size int) *Directory[V] {
	return &Directory[V]{fixed: make(map[string]int32, size), slots: make([]atomic.Pointer[V], 0, size)}
}

// Fix adds a value before anybody else uses the directory: up to its size.
func (d *Directory[V]) Fix(name string, v *V) {
	n := len(d.slots)
	d.fixed[name], d.slots = int32(n), d.slots[:n+1] //nolint:gosec // nobody has so many
	d.slots[n].Store(v)
}

// Find returns the value of that name.
func (d *Directory[V]) Find(name string) (v *V, ok bool) {
	if i, fixed := d.fixed[name]; fixed {
		v = d.slots[i].Load()
	} else if found, late := d.late.Load(name); late {
		v, _ = found.(*V)
	}
	return v, v != nil
}

// Add adds a value, in place of another one of that name.
func (d *Directory[V]) Add(name string, v *V) {
	if i, fixed := d.fixed[name]; fixed {
		d.slots[i].Store(v)
	} else {
		d.late.Store(name, v)
	}
}

// Remove removes a value, unless there is another one of that name.
func (d *Directory[V]) Remove(name string, v *V) {
	if i, fixed := d.fixed[name]; fixed {
		d.slots[i].CompareAndSwap(v, nil)
	} else {
		d.late.CompareAndDelete(name, v)
	}
}
