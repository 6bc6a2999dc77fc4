package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// relpClient is a RELP client by hand.
type relpClient struct {
	net.Conn
	r    *bufio.Reader
	txnr int
}

func (f *flight) relp(t *testing.T) *relpClient {
	t.Helper()
	conn := f.dial(t, "relp")
	c := &relpClient{Conn: conn, r: bufio.NewReader(conn)}
	c.command(t, "open", "relp_version=0\nrelp_software=test\ncommands=syslog")
	require.Equal(t, "1 rsp 200 OK\nrelp_version=0\nrelp_software=sputnik\ncommands=syslog", c.answer(t))
	return c
}

func (c *relpClient) command(t *testing.T, name, data string) {
	t.Helper()
	c.txnr++
	send(t, c, string(appendRELP(nil, c.txnr, name, data)))
}

// answer reads a frame: its number, its command, its data.
func (c *relpClient) answer(t *testing.T) string {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	var txnr, size int
	var command string
	_, err := fmt.Fscanf(c.r, "%d %s %d", &txnr, &command, &size)
	require.NoError(t, err)
	data := ""
	if size > 0 {
		b := make([]byte, size+1)
		_, err = io.ReadFull(c.r, b)
		require.NoError(t, err)
		data = string(b)
	}
	end, err := c.r.ReadByte()
	require.NoError(t, err)
	require.Equal(t, byte('\n'), end)
	return fmt.Sprintf("%d %s%s", txnr, command, data)
}

// silent says that no answer has come so far, after the block has had its chance.
func (c *relpClient) silent(t *testing.T) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := c.r.Peek(1)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func (c *relpClient) ended(t *testing.T) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err := c.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

func relpConf() Conf {
	conf := testConf()
	conf.Listen = []string{"relp://127.0.0.1:0"}
	return conf
}

func TestRELPAnswersWhatIsStoredAndOnlyThat(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"one\n")
	c.command(t, "syslog", head+"two\nlines")
	first := f.next(t)
	assert.Equal(t, "one", first.Message)
	assert.Equal(t, "relp", first.Transport)
	assert.Equal(t, c.LocalAddr().String(), first.Peer)
	assert.Equal(t, "two\nlines", f.next(t).Message)
	c.silent(t) // the block has them, and has not stored them
	one, two := <-f.done, <-f.done
	two(nil)
	assert.Equal(t, "3 rsp 200 OK", c.answer(t), "in the order in which they were stored")
	c.silent(t)
	one(nil)
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	c.command(t, "close", "")
	assert.Equal(t, "4 rsp", c.answer(t))
	assert.Equal(t, "0 serverclose", c.answer(t))
	c.ended(t)
	require.NoError(t, f.finish())
	assert.Contains(t, f.log.String(), "relp_acknowledged=2\n")
}

func TestRELPLineThatIsNotStoredEndsTheSessionUnanswered(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	for i := range 3 {
		c.command(t, "syslog", fmt.Sprint(head, i))
		f.next(t)
	}
	stored, not, later := <-f.done, <-f.done, <-f.done
	not(errors.New("the stream is away"))
	stored(nil)
	later(nil)
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	assert.Equal(t, "4 rsp 200 OK", c.answer(t), "what is stored is answered before the end, lest it come again")
	assert.Equal(t, "0 serverclose", c.answer(t))
	c.ended(t)
	f.log.await(t, `WARN msg="RELP session closed: a line was not stored, the sender keeps it" error="the stream is away" peer=127`)
	f.until(t, func() bool { return f.count.relpLeft.Load() == 1 })
	require.NoError(t, f.finish(), "nothing is lost")
}

type refusedError struct{ error }

func (refusedError) Permanent() bool { return true }

func TestRELPLineThatIsRefusedForGood(t *testing.T) {
	t.Parallel()
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"too large")
	c.command(t, "syslog", head+"fits")
	(<-f.done)(fmt.Errorf("stream: %w", refusedError{errors.New("larger\nthan " + strings.Repeat("ä", 100))}))
	(<-f.done)(nil)
	answer := c.answer(t)
	assert.Regexp(t, `^2 rsp 500 stream: larger than ä+$`, answer)
	assert.LessOrEqual(t, len(answer), len("2 rsp ")+80)
	assert.Equal(t, "3 rsp 200 OK", c.answer(t), "the session goes on")
	f.log.await(t, `WARN msg="RELP lines refused for good" times=1`)
}

func TestRELPFilteredAndEmptyLinesAreAnswered(t *testing.T) {
	conf := relpConf()
	conf.Severity = "err"
	f := fly(t, conf, nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"a notice")
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	c.command(t, "syslog", "\n")
	assert.Equal(t, "3 rsp 200 OK", c.answer(t))
	c.command(t, "syslog", "<11>Nov 20 07:30:01 host app: an error")
	assert.Equal(t, "an error", f.next(t).Message)
	(<-f.done)(nil)
}

func TestRELPCloseWaitsForWhatWasSentBefore(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"last")
	c.command(t, "close", "")
	done := <-f.done
	c.silent(t)
	done(nil)
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	assert.Equal(t, "3 rsp", c.answer(t))
	assert.Equal(t, "0 serverclose", c.answer(t))
	c.ended(t)
}

// At the finish the block waits for the answers of what it has delivered.
func TestRELPFinishWaitsForAnswers(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"x")
	done := <-f.done
	ended := make(chan error, 1)
	go func() { ended <- f.finish() }()
	c.silent(t)
	done(nil)
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	assert.Equal(t, "0 serverclose", c.answer(t))
	c.ended(t)
	require.NoError(t, <-ended)
}

func TestRELPFinishGivesUpInTime(t *testing.T) {
	t.Parallel()
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"x")
	done := <-f.done
	began := time.Now()
	require.NoError(t, f.finish(), "the sender keeps it: nothing is lost")
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.EqualValues(t, 1, f.count.relpLeft.Load())
	assert.Contains(t, f.log.String(), "relp_unanswered=1")
	assert.Equal(t, "0 serverclose", c.answer(t))
	c.ended(t)
	done(nil) // late, and harmless
}

// Where the receiving block takes no more, lines stay unanswered.
func TestRELPUnderBackPressureAtTheFinish(t *testing.T) {
	t.Parallel()
	gate := make(chan bool)
	defer close(gate)
	f := fly(t, relpConf(), gate)
	c := f.relp(t)
	for range 50 {
		c.command(t, "syslog", head+"x")
	}
	gate <- true
	err := f.finish()
	require.Error(t, err, "the sink is stuck")
	assert.NotContains(t, err.Error(), "were received and not accepted")
	assert.Zero(t, f.count.relpAcked.Load())
	c.silentToTheEnd(t)
}

func (c *relpClient) silentToTheEnd(t *testing.T) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	rest, _ := io.ReadAll(c.r)
	assert.NotContains(t, string(rest), "200 OK")
}

func TestRELPWindowHoldsTheSenderUp(t *testing.T) {
	f := fly(t, relpConf(), nil)
	c := f.relp(t)
	for range relpWindow + 100 {
		c.command(t, "syslog", head+"x")
	}
	for range relpWindow {
		f.next(t)
	}
	c.silent(t)
	assert.Len(t, f.done, relpWindow, "no more is read")
	for range relpWindow + 100 {
		(<-f.done)(nil)
		c.answer(t)
	}
}

func TestRELPGarbage(t *testing.T) {
	conf := relpConf()
	conf.FrameTimeout = 200 * time.Millisecond
	f := fly(t, conf, nil)
	good := f.relp(t)
	for _, garbage := range []string{
		head + "\n", "1 syslog 999999999 x", "1 close 5\n", "\x16\x03\x01\x02\x00", "1 open 9999999999\n", // refused at once
		"1 open 20 relp_v", "1 op", "1 open 5 abc\n", // never complete
	} {
		c := f.dial(t, "relp")
		send(t, c, garbage)
		rest, err := io.ReadAll(c)
		if err == nil {
			assert.NotContains(t, string(rest), "200 OK", garbage)
		}
	}
	for _, out := range []string{"1 syslog 1 x\n", "1 frobnicate 0\n", "1 open 14 relp_version=0\n", "1 open 15 commands=syslow\n"} {
		c := f.dial(t, "relp")
		send(t, c, out)
		rest, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Contains(t, string(rest), "1 rsp ", out)
		assert.Contains(t, string(rest), " 500 ", out)
		assert.Contains(t, string(rest), "0 serverclose 0\n", out)
	}
	good.command(t, "syslog", head+"good")
	assert.Equal(t, "good", f.next(t).Message)
}

// A client that takes no answers is closed, and what it has coming doesn't pile up.
func TestRELPClientThatReadsNothing(t *testing.T) {
	r := newReceiver(discard())
	r.conf = relpConf()
	r.conf.FrameTimeout = 200 * time.Millisecond
	r.flush = t.Context()
	client, server := net.Pipe() // has no buffer at all
	c := (&streamServer{r: r, transport: transportRELP}).newConn(server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		speakRELP(c)
	}()
	send(t, client, "1 open 15 commands=syslog\n")
	require.NoError(t, client.SetWriteDeadline(time.Now().Add(patience)))
	written, err := 0, error(nil)
	for err == nil {
		_, err = client.Write([]byte("2 syslog 1 \n\n"))
		written++
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	<-ended
	assert.Less(t, written, 3*relpAnswers/len("2 rsp 6 200 OK\n"))
}

// Nor does it hold up the finish.
func TestRELPClientThatReadsNothingAtTheFinish(t *testing.T) {
	r := newReceiver(discard())
	r.conf = relpConf()
	r.conf.FrameTimeout = time.Hour
	r.crowd = newCrowd(r.conf)
	var timeUp context.CancelFunc
	r.flush, timeUp = context.WithCancel(t.Context())
	client, server := net.Pipe()
	c := (&streamServer{r: r, transport: transportRELP}).newConn(server)
	require.True(t, r.crowd.add(c))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		speakRELP(c)
	}()
	send(t, client, "1 open 15 commands=syslog\n")
	_, err := io.ReadFull(client, make([]byte, 1)) // the answer is being written
	require.NoError(t, err)
	timeUp()
	r.crowd.abort()
	<-ended
}

func TestRELPIdleConnectionThatWaitsForUsIsKept(t *testing.T) {
	conf := relpConf()
	conf.Idle = 300 * time.Millisecond
	f := fly(t, conf, nil)
	c := f.relp(t)
	c.command(t, "syslog", head+"x")
	done := <-f.done
	for range 8 {
		c.silent(t)
	}
	done(nil)
	assert.Equal(t, "2 rsp 200 OK", c.answer(t))
	assert.Equal(t, "0 serverclose", c.answer(t), "now it is idle")
	c.ended(t)
}
