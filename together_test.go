package sputnik_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sputnik-go/sputnik"
)

// restless is a member that answers, asks its neighbour, and now and then breaks, a little later each time.
func restless(t *testing.T, rng func(n int) int, resp, neighbour string, opts ...sputnik.BlockOption) member {
	var flying atomic.Int32
	one := func() {
		assert.Equal(t, int32(1), flying.Load(), "%s: one instance at a time", resp)
	}
	return member{resp, func() *sputnik.Block {
		var own sputnik.BlockCommunicator
		base := []sputnik.BlockOption{
			sputnik.WithInit(func(sputnik.ConfFactory) error {
				assert.Equal(t, int32(1), flying.Add(1), "%s: one instance at a time", resp)
				time.Sleep(time.Duration(rng(20)) * time.Millisecond)
				if rng(20) == 0 {
					flying.Add(-1)
					return errBoom
				}
				return nil
			}),
			sputnik.WithAttach(func(bc sputnik.BlockCommunicator) { own = bc }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(rng(2000)) * time.Millisecond):
					if rng(3) == 0 {
						return errBoom
					}
					<-ctx.Done()
				}
				return nil
			}),
			sputnik.WithFinish(func(bool) {
				one()
				time.Sleep(time.Duration(rng(20)) * time.Millisecond)
				flying.Add(-1)
			}),
			sputnik.WithOnConnect(func(any) { time.Sleep(time.Duration(rng(20)) * time.Millisecond) }),
			sputnik.WithOnDisconnect(func() {}),
			sputnik.WithOnMsg(func(m sputnik.Msg) {
				switch rng(30) {
				case 0:
					panic(errBoom)
				case 1, 2, 3:
					ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
					defer cancel()
					peer, _ := own.Communicator(neighbour)
					_, _ = sputnik.Request(ctx, peer, sputnik.Msg{})
				case 4:
					time.Sleep(time.Duration(rng(30)) * time.Millisecond)
				}
				_ = sputnik.Reply(m, nil)
			}),
			onFailure(sputnik.RestartPolicy{Backoff: 10 * time.Millisecond, BackoffCap: 10 * time.Millisecond, Max: 1000}),
		}
		return sputnik.NewBlock(append(base, opts...)...)
	}}
}

func TestAllOfItTogether(t *testing.T) {
	for round := range 12 {
		seed, early := rand.Uint64(), round%2 == 0 // early: the stop comes in the midst of it
		bubble(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := chance(seed)
			var bc sputnik.BlockCommunicator
			c := crew{idle("from", handle(&bc))}
			var more []member
			boxes := [][]sputnik.BlockOption{
				nil,
				{sputnik.WithMailbox(2, sputnik.Wait)},
				{sputnik.WithMailbox(2, sputnik.DropOldest)},
				{sputnik.WithMailbox(2, sputnik.Reject), sputnik.WithSerialCallbacks()},
			}
			for n := range 8 {
				more = append(more, restless(t, rng, fmt.Sprint("b", n), fmt.Sprint("b", (n+1)%8), boxes[n%4]...))
			}
			for len(c) < 5 { // the first instance must come up
				more[len(c)-1] = restless(t, func(n int) int { return max(1, rng(n)) % n }, fmt.Sprint("b", len(c)-1), fmt.Sprint("b", len(c)), boxes[len(c)-1]...)
				c = append(c, more[len(c)-1])
			}
			alive := func() bool { return rng(20) > 0 }
			f := takeOff(t, c, spare(c, more...), sputnik.WithConnector(&plugIn{j: new(journal), alive: alive}, 100*time.Millisecond),
				sputnik.WithWatchdog(time.Second), sputnik.WithFinishTimeout(20*time.Second))
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 100 {
						resp := fmt.Sprint("b", rng(8))
						time.Sleep(time.Duration(rng(50)) * time.Millisecond)
						peer, ok := bc.Communicator(resp)
						switch what := rng(20); {
						case what < 2:
							_ = sputnik.AddBlock(context.Background(), bc, descriptor(resp))
						case what == 2:
							err := sputnik.RemoveBlock(context.Background(), bc, resp)
							assert.NotErrorIs(t, err, sputnik.ErrTimeout, "nobody hangs")
						case what < 5:
							sputnik.Broadcast(bc, sputnik.Msg{}, nil)
						case ok && what < 12:
							ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
							_, err := sputnik.Request(ctx, peer, sputnik.Msg{})
							cancel()
							assert.True(t, err == nil || errors.As(err, new(*sputnik.RequestError)), "%v", err)
						case ok:
							peer.Send(sputnik.Msg{})
						default:
							f.sp.Status()
						}
					}
				})
			}
			if early {
				time.Sleep(time.Duration(rng(2000)) * time.Millisecond)
			} else {
				wg.Wait()
			}
			if f.sp.Status().Cause != nil {
				t.Fatalf("it stopped: %v", f.landed())
			}
			began := time.Now()
			f.shootDown()
			err := f.landed()
			assert.LessOrEqual(t, time.Since(began), 10*time.Second)
			assert.NotErrorIs(t, err, sputnik.ErrTimeout)
			for _, b := range f.sp.Status().Blocks {
				assert.Equal(t, b.Mailbox.Accepted, b.Mailbox.Handled+b.Mailbox.Dead, "%v (G13)", b.Block)
				assert.Equal(t, sputnik.StateFinished, b.State)
			}
			assert.Empty(t, f.sp.Status().WaitCycles)
			wg.Wait() // nobody waits for ever for a process that has ended
		})
	}
}
