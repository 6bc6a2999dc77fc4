package admin

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// journal keeps the last entries, numbered from 1, for readers that each go at their own pace. A reader that is too slow
// misses entries and is told how many; nobody waits for it.
type journal struct {
	epoch string // tells the numbers of this process from those of another

	mu   sync.Mutex
	ring []Entry // that of number n is at n % len
	next uint64
	more chan struct{} // closed by the next entry
}

func newJournal(keep int, at time.Time) *journal {
	return &journal{
		epoch: strconv.FormatInt(at.UnixNano(), 36),
		ring:  make([]Entry, keep), next: 1, more: make(chan struct{}),
	}
}

// add numbers an entry and keeps it.
func (j *journal) add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.ID = j.id(j.next)
	j.ring[j.next%uint64(len(j.ring))] = e
	j.next++
	close(j.more)
	j.more = make(chan struct{})
}

// after returns what came after number last: the entries that are kept, how many are not, the number of the last one,
// and a channel that is closed as soon as there are more.
func (j *journal) after(last uint64) (entries []Entry, missed, now uint64, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := max(last+1, j.oldest())
	for n := from; n < j.next; n++ {
		entries = append(entries, j.ring[n%uint64(len(j.ring))])
	}
	return entries, from - last - 1, j.next - 1, j.more
}

// start is the number behind which a new reader begins, so that it gets all that is kept and misses nothing.
func (j *journal) start() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.oldest() - 1
}

func (j *journal) oldest() uint64 {
	if kept := uint64(len(j.ring)); j.next > kept {
		return j.next - kept
	}
	return 1
}

// last is the id of the last entry, "" before the first.
func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next == 1 {
		return ""
	}
	return j.id(j.next - 1)
}

func (j *journal) id(n uint64) string { return fmt.Sprintf("%s-%d", j.epoch, n) }

// number is the inverse of id. False: the id is none, or of another process, or not given yet.
func (j *journal) number(id string) (n uint64, ok bool) {
	text, ok := strings.CutPrefix(id, j.epoch+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	j.mu.Lock()
	defer j.mu.Unlock()
	return n, err == nil && n < j.next
}
