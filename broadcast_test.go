package sputnik_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// hearer is a member that notes whom a message reached, and scribbles on it.
func hearer(j *journal, resp string, opts ...sputnik.BlockOption) member {
	return idle(resp, append([]sputnik.BlockOption{sputnik.WithOnMsg(func(m sputnik.Msg) {
		j.add("%s %v", resp, m["n"])
		m["n"], m[resp] = "mine", true
	})}, opts...)...)
}

func responsibilities(list []sputnik.BlockDescriptor) []string {
	out := []string{}
	for _, d := range list {
		out = append(out, d.Responsibility)
	}
	return out
}

func TestABroadcastReachesAllThatHaveAnOnMsgAndPassTheFilter(t *testing.T) {
	even := func(d sputnik.BlockDescriptor) bool { return d.Responsibility == "b" || d.Responsibility == "d" }
	type kind struct {
		handle func(t *testing.T, bc sputnik.BlockCommunicator) sputnik.BlockCommunicator
		filter func(sputnik.BlockDescriptor) bool
		heard  []string
	}
	own := func(_ *testing.T, bc sputnik.BlockCommunicator) sputnik.BlockCommunicator { return bc }
	during(t, map[string]kind{
		"no filter":            {own, nil, []string{"a 1", "c 1", "d 1"}},
		"no filter, by a peer": {func(t *testing.T, bc sputnik.BlockCommunicator) sputnik.BlockCommunicator { return to(t, bc, "c") }, nil, []string{"a 1", "c 1", "d 1"}},
		"no filter, decorated": {func(_ *testing.T, bc sputnik.BlockCommunicator) sputnik.BlockCommunicator { return decorated{bc} }, nil, []string{"a 1", "c 1", "d 1"}},
		"filter":               {own, even, []string{"b 1", "d 1"}},
		"everybody":            {own, func(sputnik.BlockDescriptor) bool { return true }, []string{"a 1", "b 1", "c 1", "d 1"}},
		"nobody":               {own, func(sputnik.BlockDescriptor) bool { return false }, []string{}},
	}, func(t *testing.T, k kind) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{hearer(&j, "a"), hearer(&j, "b", handle(&bc)), idle("deaf"), hearer(&j, "c"), hearer(&j, "d")})
		msg := sputnik.Msg{"n": 1}
		accepted, refused := sputnik.Broadcast(k.handle(t, bc), msg, k.filter)
		assert.Equal(t, len(k.heard), accepted)
		assert.Empty(t, refused)
		msg["n"] = "changed" // still the caller's
		synctest.Wait()
		assert.ElementsMatch(t, k.heard, j.all())
		assert.Equal(t, sputnik.Msg{"n": "changed"}, msg)
		require.NoError(t, f.land())
	})
}

func TestABroadcastGoesInTheOrderOfInitialisation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var asked []string
		f := takeOff(t, crew{echo("c"), echo("a"), idle("deaf"), echo("b", handle(&bc))})
		sputnik.Broadcast(bc, sputnik.Msg{}, func(d sputnik.BlockDescriptor) bool {
			asked = append(asked, d.Responsibility)
			_, ok := sputnik.StatusOf(to(t, bc, d.Responsibility)) // a filter may ask the process
			return ok
		})
		assert.Subset(t, []string{"c", "a", "b", "deaf", "finisher"}, asked)
		heard := []string{}
		for _, resp := range asked {
			if resp != "deaf" && resp != "finisher" {
				heard = append(heard, resp)
			}
		}
		assert.Equal(t, []string{"c", "a", "b"}, heard)
		require.NoError(t, f.land())
	})
}

func TestABroadcastTellsWhoRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		var accepted int
		var refused []sputnik.BlockDescriptor
		gate := make(chan struct{})
		f := takeOff(t, crew{
			receiver("full", new(journal), gate, sputnik.WithMailbox(1, sputnik.Reject)),
			hearer(new(journal), "a"),
			idle("from", handle(&bc), sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
				<-ctx.Done()
				accepted, refused = sputnik.Broadcast(bc, sputnik.Msg{}, nil)
				return nil
			})),
			hearer(new(journal), "finished"),
		})
		for range 2 {
			to(t, bc, "full").Send(sputnik.Msg{})
			synctest.Wait()
		}
		n, no := sputnik.Broadcast(bc, sputnik.Msg{}, nil)
		assert.Equal(t, 2, n)
		assert.Equal(t, []string{"full"}, responsibilities(no))
		assert.Equal(t, uint64(1), f.block("full").Mailbox.Rejected)
		time.AfterFunc(time.Second, func() { close(gate) })
		f.shootDown()
		require.NoError(t, f.landed())
		assert.Equal(t, 1, accepted)
		assert.Equal(t, []string{"full", "finished"}, responsibilities(refused))
	})
}

func TestABroadcastThatReachesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("alone", handle(&bc)), idle("deaf")})
		for name, b := range map[string]sputnik.BlockCommunicator{
			"nobody listens": bc, "outsider": outsider{func(sputnik.Msg) bool { return true }}, "nil": nil,
		} {
			n, refused := sputnik.Broadcast(b, sputnik.Msg{}, nil)
			assert.Zero(t, n, name)
			assert.Empty(t, refused, name)
		}
		require.NoError(t, f.land())
	})
}

func TestABroadcastOfNilReachesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		f := takeOff(t, crew{idle("from", handle(&bc)), hearer(&j, "a")})
		n, _ := sputnik.Broadcast(bc, nil, nil)
		assert.Zero(t, n)
		require.NoError(t, f.land())
		assert.Empty(t, j.all())
	})
}

func TestABroadcastFollowsTheChangesOfTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		var bc sputnik.BlockCommunicator
		c := crew{idle("from", handle(&bc)), hearer(&j, "a")}
		f := takeOff(t, c, spare(c, hearer(&j, "late")))
		require.NoError(t, sputnik.AddBlock(t.Context(), bc, descriptor("late")))
		n, refused := sputnik.Broadcast(bc, sputnik.Msg{"n": 1}, nil)
		assert.Equal(t, 2, n)
		assert.Empty(t, refused)
		require.NoError(t, sputnik.RemoveBlock(t.Context(), bc, "a"))
		n, refused = sputnik.Broadcast(bc, sputnik.Msg{"n": 2}, nil)
		assert.Equal(t, 1, n)
		assert.Empty(t, refused)
		require.NoError(t, f.land())
		assert.ElementsMatch(t, []string{"a 1", "late 1", "late 2"}, j.all())
	})
}

func TestABroadcastBeforeTheLaunchIsHeardAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var j journal
		f, err := newFlight(t, crew{hearer(&j, "a"), idle("from", sputnik.WithAttach(func(bc sputnik.BlockCommunicator) {
			n, _ := sputnik.Broadcast(bc, sputnik.Msg{"n": 1}, nil)
			assert.Equal(t, 2, n)
		})), hearer(&j, "b")})
		require.NoError(t, err)
		assert.Empty(t, j.all())
		f.start()
		require.NoError(t, f.land())
		assert.ElementsMatch(t, []string{"a 1", "b 1"}, j.all())
	})
}
