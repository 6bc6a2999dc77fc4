package admin

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// A block that doesn't answer holds up nobody, and gets one question at a time.
func TestCountersOfABlockThatHangs(t *testing.T) {
	f := fly(t, "counters: [worker]\ncounters_limit: 20ms", Options{})
	f.worker.counters <- map[string]uint64{"sent": 7}
	assert.Equal(t, uint64(7), f.state(t).Blocks[3].Counters["sent"])
	_, text := f.get(t, "/status?counters=last")
	assert.Contains(t, text, `"counters":{"sent":7}`)
	assert.EqualValues(t, 1, f.Block("worker").Mailbox.Accepted, "nobody was asked")
	f.Send("worker", sputnik.Msg{"wait": true})
	for range 5 {
		b := f.state(t).Blocks[3]
		assert.Equal(t, uint64(7), b.Counters["sent"], "the last there are")
		assert.Regexp(t, `^no answer within 20ms; these are from .* ago$`, b.CountersError)
		assert.LessOrEqual(t, b.Mailbox.Depth, 2, "the message in work, and one question")
	}
	_, text = f.get(t, "/status?counters=last")
	assert.Contains(t, text, `"counters_error":"no answer within 20ms`, "they are as old as they were")
	_, text = f.get(t, "/metrics")
	assert.Contains(t, text, `sputnik_block_counters_up{block="worker"} 0`)
	assert.Contains(t, text, `sputnik_block_counter{block="worker",counter="sent"} 7`)
	f.worker.counters <- map[string]uint64{"sent": 8}
	f.worker.block <- true
	require.NoError(t, f.Stop())
}

func TestCountersOfWhoHasNone(t *testing.T) {
	f := fly(t, "counters: [nobody, admin, worker]\ncounters_limit: 5s", Options{})
	f.worker.counters <- map[string]uint64{}
	s := f.state(t)
	assert.Equal(t, "request to block \"admin\": the block has no OnMsg", s.Blocks[2].CountersError)
	assert.Equal(t, "the answer has no counters", s.Blocks[3].CountersError)
	assert.Contains(t, f.log.String(), `msg="counters: there is no such block" block=admin responsibility=nobody`)
}

func TestCountersInEitherForm(t *testing.T) {
	want := map[string]uint64{"sent": 7, "lost": 0}
	for name, answer := range map[string]sputnik.Msg{
		"one by one": {"sent": uint64(7), "lost": uint64(0), "note": "text"},
		"as a map":   {KeyCounters: want},
	} {
		got, err := countersIn(answer)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	_, err := countersIn(sputnik.Msg{"error": "unknown command"})
	assert.EqualError(t, err, "unknown command")
	_, err = countersIn(nil)
	assert.Error(t, err)
}
