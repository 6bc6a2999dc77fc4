package httpin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

const patience = 30 * time.Second // a test that waits longer has failed

func testConf() Conf {
	conf := DefaultConf()
	conf.Listen = "127.0.0.1:0"
	conf.To = "sink"
	return conf
}

// sink is the receiving block.
type sink struct {
	got      chan sputnik.Msg
	gate     chan bool               // OnMsg takes a value of it, if it is not nil
	store    func(text string) error // whether a message is stored, or why not; nil: nobody is told
	overflow sputnik.Overflow
	self     sputnik.BlockCommunicator
}

const sinkMailbox = 10

func newSink() *sink { return &sink{got: make(chan sputnik.Msg, 100_000), overflow: sputnik.Wait} }

func (s *sink) block() *sputnik.Block {
	return sputnik.NewBlock(
		sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
		sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
		sputnik.WithAttach(func(self sputnik.BlockCommunicator) { s.self = self }),
		sputnik.WithMailbox(sinkMailbox, s.overflow),
		sputnik.WithOnMsg(func(msg sputnik.Msg) {
			if s.gate != nil {
				<-s.gate
			}
			if done, ok := msg[KeyDone].(func(error)); ok && s.store != nil {
				if err := s.store(string(msg[KeyData].([]byte))); !errors.Is(err, errNever) {
					done(err)
				}
			}
			s.got <- msg
		}))
}

// errNever of a sink's store: it never tells.
var errNever = errors.New("never told")

func storingSink(store func(text string) error) *sink {
	s := newSink()
	s.store = store
	return s
}

func (s *sink) next(t *testing.T) sputnik.Msg {
	t.Helper()
	select {
	case msg := <-s.got:
		return msg
	case <-time.After(patience):
		require.Fail(t, "no message")
		return nil
	}
}

// nextData wants the payloads of the next messages.
func (s *sink) nextData(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		assert.Equal(t, text, string(s.next(t)[KeyData].([]byte)))
	}
}

// flight is a process of the block under test and a sink.
type flight struct {
	*receiver
	*sink
	url       string // of the configured path
	shootDown func()
	finishing chan struct{} // closed when the block's finish has begun
	finished  chan struct{} // closed when it is over
	ended     chan error
	client    *http.Client
}

func fly(t *testing.T, conf Conf, s *sink, opts ...sputnik.SputnikOption) *flight {
	t.Helper()
	f := &flight{
		receiver:  newReceiver(slog.New(slog.NewTextHandler(t.Output(), nil))),
		sink:      s,
		finishing: make(chan struct{}),
		finished:  make(chan struct{}),
		ended:     make(chan error, 1),
	}
	running := make(chan struct{})
	sp, err := sputnik.NewSputnik(append([]sputnik.SputnikOption{
		sputnik.WithObserver(func(e sputnik.Event) {
			switch e := e.(type) {
			case sputnik.ProcessRunning:
				close(running)
			case sputnik.BlockFinishing:
				if e.Block.Name == Name {
					close(f.finishing)
				}
			case sputnik.BlockFinished:
				if e.Block.Name == Name {
					close(f.finished)
				}
			}
		}),
		sputnik.WithFinishTimeout(4 * time.Second),
		sputnik.WithConfFactory(func(_ string, result any) error {
			*result.(*Conf) = conf
			return nil
		}),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "sink", Responsibility: "sink"}, {Name: Name, Responsibility: Name}}),
		sputnik.WithBlockFactories(sputnik.BlockFactories{
			"sink": s.block,
			Name: func() *sputnik.Block {
				return sputnik.BlockOf(f.receiver, sputnik.WithBlockFinishTimeout(2*time.Second))
			},
		}),
	}, opts...)...)
	require.NoError(t, err)
	launch, shootDown, err := sp.Prepare()
	require.NoError(t, err)
	f.shootDown = shootDown
	scheme := "http"
	if f.server.http.TLSConfig != nil {
		scheme = "https"
	}
	f.url = scheme + "://" + f.address() + conf.Path
	transport := &http.Transport{MaxIdleConnsPerHost: 2000}
	f.client = &http.Client{Transport: transport, Timeout: patience}
	go func() { f.ended <- launch() }()
	<-running
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		f.shootDown()
		if f.ended != nil {
			<-f.ended
		}
	})
	return f
}

func (f *flight) address() string { return f.server.listener.Addr().String() }

func (f *flight) finish() error {
	f.shootDown()
	err := <-f.ended
	f.ended = nil
	return err
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	closes bool // the connection
	problem
	body string
}

// post sends a body with headers, given as "Name: value", to a path below the configured one.
func (f *flight) post(t *testing.T, below, body string, headers ...string) reply {
	t.Helper()
	a, err := f.send(http.MethodPost, below, strings.NewReader(body), headers...)
	require.NoError(t, err)
	return a
}

func (f *flight) send(method, below string, body io.Reader, headers ...string) (a reply, err error) {
	r, err := http.NewRequest(method, f.url+below, body)
	if err != nil {
		return a, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return a, err
	}
	a = reply{status: answer.StatusCode, header: answer.Header, closes: answer.Close, body: string(raw)}
	a.outcome = new(outcome)
	if err := json.Unmarshal(raw, &a.problem); err != nil {
		return a, err
	}
	return a, nil
}

// wantProblem wants an answer that says what is wrong and what to do.
func wantProblem(t *testing.T, a reply, status int, detail string) {
	t.Helper()
	assert.Equal(t, status, a.status, a.body)
	assert.Equal(t, status, a.Status)
	assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	assert.NotEmpty(t, a.Title)
	assert.Contains(t, a.Detail, detail)
	assert.NotEmpty(t, a.Remedy)
}

func wantAccepted(t *testing.T, a reply, messages int) {
	t.Helper()
	assert.Equal(t, http.StatusAccepted, a.status, a.body)
	assert.Equal(t, messages, a.Accepted)
	assert.Equal(t, []string{typeJSON}, a.header["Content-Type"])
}

const (
	asJSON   = "Content-Type: application/json"
	asNDJSON = "Content-Type: application/x-ndjson"
	asText   = "Content-Type: text/plain; charset=utf-8"
)

// notices is a log in which a test waits for a text.
type notices struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newNotices() *notices { return &notices{changed: make(chan struct{})} }

func (n *notices) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
	return n.text.Write(p)
}

func (n *notices) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for {
		n.mu.Lock()
		found, changed := strings.Contains(n.text.String(), text), n.changed
		n.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-late:
			require.Fail(t, "not logged: "+text)
		}
	}
}
