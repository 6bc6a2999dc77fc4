package admin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

func TestJournalKeepsTheLast(t *testing.T) {
	j := newJournal(3, time.Now())
	assert.Empty(t, j.last())
	entries, missed, now, more := j.after(j.start())
	assert.Empty(t, entries)
	assert.Zero(t, missed)
	assert.Zero(t, now)
	for _, kind := range []string{"1", "2", "3", "4", "5"} {
		j.add(Entry{Kind: kind})
	}
	<-more // closed by the first
	for _, c := range []struct {
		last, missed uint64
		kinds        string
	}{{0, 2, "345"}, {1, 1, "345"}, {2, 0, "345"}, {4, 0, "5"}, {5, 0, ""}} {
		entries, missed, now, _ := j.after(c.last)
		var kinds strings.Builder
		for _, e := range entries {
			kinds.WriteString(e.Kind)
		}
		assert.Equal(t, c.kinds, kinds.String(), c.last)
		assert.Equal(t, c.missed, missed, c.last)
		assert.EqualValues(t, 5, now)
	}
	assert.EqualValues(t, 2, j.start(), "a new reader has missed nothing")
	assert.Equal(t, j.id(5), j.last())
}

func TestJournalKnowsItsIDs(t *testing.T) {
	j := newJournal(3, time.Unix(1, 0))
	j.add(Entry{})
	assert.EqualValues(t, 1, number(t, j, j.id(1)))
	other := newJournal(3, time.Unix(2, 0))
	other.add(Entry{})
	for _, id := range []string{"", "1", j.epoch, j.epoch + "-", j.epoch + "-x", j.id(2), j.id(1 << 63), other.id(1), j.id(1) + " "} {
		_, ok := j.number(id)
		assert.False(t, ok, id)
	}
}

func TestEntryHasTheWordsOfTheLog(t *testing.T) {
	at := time.Unix(1000, 0)
	block := sputnik.BlockDescriptor{Name: "n", Responsibility: "r"}
	e := entryOf(sputnik.BlockFailed{At: sputnik.At{Time: at}, Block: block, Err: &sputnik.BlockError{
		Block: block, Callback: "OnMsg", Err: &sputnik.PanicError{Value: "oops", Stack: []byte("the stack")},
	}})
	assert.Equal(t, Entry{
		Time: at.UTC(), Kind: "block_failed", Level: "error", Text: "block failed", Block: "r",
		Attributes: map[string]string{"error": `block "r" (n): OnMsg: panic: oops`}, Detail: "the stack",
	}, e)
	long := entryOf(sputnik.ConnectionLost{Err: errors.New(strings.Repeat("ü", longestAttribute))})
	assert.LessOrEqual(t, len(long.Attributes["error"]), longestAttribute+len(" [cut]"))
	assert.True(t, strings.HasSuffix(long.Attributes["error"], "ü [cut]"))
	box := entryOf(sputnik.BlackBox{Why: "x", Report: "many\nlines"})
	assert.Equal(t, "many\nlines", box.Detail)
}

func TestHistoryOfTheConnection(t *testing.T) {
	var l linkLog
	note := func(e sputnik.Event) { l.note(e, entryOf(e)) }
	at := func(s int64) sputnik.At { return sputnik.At{Time: time.Unix(s, 0)} }
	note(sputnik.ProcessRunning{})
	note(sputnik.ConnectFailed{At: at(1), Attempt: 1, Err: errors.New("one")})
	note(sputnik.ConnectFailed{At: at(2), Attempt: 2, Err: errors.New("two")})
	note(sputnik.Connected{At: at(3), Attempt: 3})
	note(sputnik.ConnectionLost{At: at(4), Err: errors.New("gone")})
	attempts, losses, history := l.snapshot()
	assert.EqualValues(t, 3, attempts)
	assert.EqualValues(t, 1, losses)
	require.Len(t, history, 3)
	assert.Equal(t, LinkChange{
		Time: time.Unix(1, 0).UTC(), Until: time.Unix(2, 0).UTC(), Count: 2, Kind: "connect_failed", Level: "warn",
		Text: "not ready: connect failed", Attempt: 2, Error: "two",
	}, history[0])
	for n := range int64(100) {
		note(sputnik.Connected{At: at(5 + n), Attempt: 1})
		note(sputnik.ConnectionLost{At: at(5 + n)})
	}
	_, _, history = l.snapshot()
	assert.Len(t, history, linkChanges)
	assert.Equal(t, time.Unix(104, 0).UTC(), history[linkChanges-1].Time)
}
