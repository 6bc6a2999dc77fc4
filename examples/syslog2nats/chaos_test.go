package main

import (
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
)

// total is a figure of a line of the log, such as lines_tcp=17.
func (p *process) total(t *testing.T, message, key string) int {
	t.Helper()
	match, _ := p.stderr.await(t, 0, `msg="`+regexp.QuoteMeta(message)+`".* `+key+`=(\d+)`)
	n, err := strconv.Atoi(match[1])
	require.NoError(t, err)
	return n
}

// The broker is killed by SIGKILL again and again: every line is stored, once.
func TestBrokerKilledAgainAndAgain(t *testing.T) {
	const senders = 20
	lines, kills := 20_000, 2
	if *long {
		lines, kills = 1_000_000, 5
	}
	server := brokertest.Start(t)
	p := execute(t, external(server))
	_, line := p.stderr.await(t, 0, "msg=ready")
	began := time.Now()
	l := sendLoad(t, p, senders, lines, kills, 0)
	for range kills {
		<-l.due
		server.Kill()
		_, line = p.stderr.await(t, line, `msg="not ready`)
		server.Restart(t)
		_, line = p.stderr.await(t, line, "msg=ready")
	}
	l.finish(t)
	p.kill(syscall.SIGTERM)
	require.Zero(t, p.exit(t))
	t.Logf("%d lines, %d kills: %s", lines, kills, time.Since(began).Round(time.Millisecond))

	s := openStream(t, server.URL)
	require.Equal(t, lines, s.count(t))
	s.tally(t, lines).assertOnce(t, senders, lines/senders)
	assert.Equal(t, lines, p.total(t, "received in all", "lines_tcp"))
}

// SIGTERM while all senders write: what was read is stored, without a gap, and the exit status is 0.
func TestSIGTERMUnderLoad(t *testing.T) {
	const senders = 20
	const endless = 1 << 30
	lines, padding := 1000, 3000 // stored before the signal; long lines, so that not so many are to be counted
	if *long {
		lines, padding = 1_000_000, 100
	}
	server := brokertest.Start(t)
	p := execute(t, append(external(server), "S2N_SYSLOG_DRAIN=200ms"))
	p.stderr.await(t, 0, "msg=ready")
	flowing := openStream(t, server.URL).flow(t)
	l := sendLoad(t, p, senders, endless, 0, padding)
	flowing(lines)
	began := time.Now()
	p.kill(syscall.SIGTERM)
	require.Zero(t, p.exit(t))
	took := time.Since(began)
	assert.Less(t, took, 25*time.Second, "the limit of the finish")
	l.sending.Wait() // by errors: the connections are closed

	read := p.total(t, "received in all", "lines_tcp")
	s := openStream(t, server.URL)
	require.Equal(t, read, s.count(t), "what it says it has read")
	y := s.tally(t, read)
	y.assertNoGaps(t, 1)
	written := 0
	for i := range l.written {
		written += int(l.written[i].Load())
	}
	assert.LessOrEqual(t, y.truncated, senders)
	assert.GreaterOrEqual(t, read, lines)
	for _, err := range l.errs {
		assert.Error(t, err, "a sender that has ended before the signal")
	}
	t.Logf("finished in %s: %d lines written, %d read and stored, of them %d halves; %d were in the kernel's buffers when the connections were closed",
		took.Round(time.Millisecond), written, read, y.truncated, written+y.truncated-read)
}

// What senders have written and closed before the signal is all stored.
func TestSIGTERMAfterTheSendersHaveClosed(t *testing.T) {
	const senders, lines = 20, 20_000
	server := brokertest.Start(t)
	p := execute(t, append(external(server), "S2N_SYSLOG_DRAIN=1s"))
	p.stderr.await(t, 0, "msg=ready")
	l := sendLoad(t, p, senders, lines, 0, 0)
	l.sending.Wait()
	for _, c := range l.conns {
		require.NoError(t, c.Close())
	}
	p.kill(syscall.SIGTERM)
	require.Zero(t, p.exit(t))
	s := openStream(t, server.URL)
	require.Equal(t, lines, s.count(t))
	s.tally(t, lines).assertOnce(t, senders, lines/senders)
}
