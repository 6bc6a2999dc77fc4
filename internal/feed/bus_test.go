package feed

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func newBus(read func(b *Bus[int], item int)) *Bus[int] {
	b := new(Bus[int])
	b.Guard = func(fn func() error, done func(error)) { done(fn()) }
	b.Init(100, func(item int) { read(b, item) }, nil)
	return b
}

func TestReadersComeAndGoInTheOrderOfItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus((*Bus[int]).Tell)
		require.False(t, b.Put(1), "nobody reads")
		require.True(t, b.Now().IsZero())
		var first, second []int
		leave, ok := b.Join(func(n int) { first = append(first, n) })
		require.True(t, ok)
		require.False(t, b.Now().IsZero())
		b.Put(2)
		_, ok = b.Join(func(n int) { second = append(second, n) })
		require.True(t, ok)
		b.Put(3)
		synctest.Wait()
		leave()
		leave()
		b.Put(4)
		<-b.Close()
		require.Equal(t, []int{2, 3}, first)
		require.Equal(t, []int{3, 4}, second)
		require.Len(t, b.Readers, 1)
		_, ok = b.Join(func(int) {})
		require.False(t, ok)
	})
}

func TestAReaderMayLeaveFromItsOwnCall(t *testing.T) {
	b := newBus((*Bus[int]).Tell)
	var got []int
	var leave func()
	joined := make(chan struct{})
	leave, _ = b.Join(func(n int) {
		<-joined
		got = append(got, n)
		leave()
	})
	close(joined)
	b.Put(1)
	b.Put(2)
	<-b.Close()
	require.Equal(t, []int{1}, got)
}

func TestABusThatWasNeverOpenIsClosedAtOnce(t *testing.T) {
	b := newBus(nil)
	<-b.Close()
	leave, ok := b.Join(func(int) {})
	require.False(t, ok)
	leave()
	b.Open()
	require.False(t, b.IsOpen())
}
