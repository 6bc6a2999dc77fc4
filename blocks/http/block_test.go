package httpin

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestBlock(t *testing.T) {
	sputniktest.Block(t, func() *sputnik.Block { return NewBlock(discard()) }, sputniktest.WithRealTime(),
		sputniktest.WithConf(sputniktest.Conf(t, map[string]string{Name: "listen: 127.0.0.1:0\nto: sink"})),
		sputniktest.WithMessages(func() []sputnik.Msg { return []sputnik.Msg{{KeyCommand: CommandCounters}} }),
		sputniktest.WithPeer("sink", func() *sputnik.Block { return newSink().block() }))
}

func TestBodies(t *testing.T) {
	f := fly(t, testConf(), newSink())
	for _, c := range []struct {
		name, below, contentType, body string
		want                           []string
	}{
		{"an object", "", asJSON, " {\"a\": 1 ,\n\"b\":[ ] }\n", []string{"{\"a\": 1 ,\n\"b\":[ ] }"}},
		{"an array", "", asJSON, `[{"a":1}, {"b": "]"} ,{}]`, []string{`{"a":1}`, `{"b": "]"}`, `{}`}},
		{"lines of JSON", "", asNDJSON, "{\"a\":1}\r\n\n {\"b\": 2}", []string{`{"a":1}`, `{"b": 2}`}},
		{"a text", "", asText, "one\ntwo\n", []string{"one\ntwo\n"}},
		{"no UTF-8", "", "Content-Type: text/plain", "\xff\x00", []string{"\xff\x00"}},
		{"lines of text", "?lines=1", asText, "one\r\n\ntwo\n", []string{"one", "two"}},
		{"no lines of text", "?lines=0", asText, "one\ntwo", []string{"one\ntwo"}},
		{"JSON with a byte order mark", "", asJSON, "\xef\xbb\xbf{}", []string{`{}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantAccepted(t, f.post(t, c.below, c.body, c.contentType), len(c.want))
			f.nextData(t, c.want...)
		})
	}
	require.NoError(t, f.finish())
	assert.Empty(t, f.got)
}

func TestWhatAMessageHolds(t *testing.T) {
	conf := testConf()
	conf.Fields = map[string]string{"tenant": "header:X-Tenant", "source": "query:source", "absent": "header:X-Absent", "site": "header:host"}
	f := fly(t, conf, newSink())
	a := f.post(t, "/orders/new?source=shop&source=other", `{"a":1}`, "Content-Type: Application/JSON; charset=utf-8",
		"x-tenant: acme", `Idempotency-Key: "8e03978e-40d5"`)
	wantAccepted(t, a, 1)
	msg := f.next(t)
	assert.Equal(t, `{"a":1}`, string(msg[KeyData].([]byte)))
	assert.Equal(t, "orders.new", msg[KeySubject])
	assert.Equal(t, "8e03978e-40d5", msg[KeyID])
	assert.NotContains(t, msg, KeyDone)
	fields := msg[KeyFields].(interface{ Field(string) (string, bool) })
	for name, want := range map[string]string{
		"method": "POST", "path": "/v1/messages/orders/new", "content_type": "application/json", "tenant": "acme", "source": "shop", "site": f.address(),
	} {
		got, ok := fields.Field(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got)
	}
	remote, _ := fields.Field("remote")
	assert.Regexp(t, `^127.0.0.1:\d+$`, remote)
	_, ok := fields.Field("absent")
	assert.False(t, ok)

	wantAccepted(t, f.post(t, "", `[{},{}]`, asJSON, "Idempotency-Key: k"), 2)
	for _, id := range []string{"k-0", "k-1"} {
		msg := f.next(t)
		assert.Equal(t, id, msg[KeyID])
		assert.Equal(t, "http", msg[KeySubject])
	}
	f.post(t, "", `{}`, asJSON)
	assert.NotContains(t, f.next(t), KeyID)
}

func TestRefusals(t *testing.T) {
	conf := testConf()
	conf.MaxBody, conf.MaxMessage, conf.MaxBatch = 100, 20, 3
	f := fly(t, conf, newSink())
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name, below, body string
		headers           []string
		status            int
		detail            string
	}{
		{"no content type", "", "x", nil, 415, "Content-Type is missing"},
		{"another content type", "", "x", []string{"Content-Type: text/html"}, 415, `"text/html"`},
		{"no content type at all", "", "x", []string{"Content-Type: ;"}, 415, `";"`},
		{"a content encoding", "", "x", []string{asJSON, "Content-Encoding: gzip"}, 415, `"gzip"`},
		{"two content encodings", "", "x", []string{asText, "Content-Encoding: identity", "Content-Encoding: gzip"}, 415, `"identity, gzip"`},
		{"no JSON", "", `{"a":}`, []string{asJSON}, 400, "at byte 6"},
		{"half an object", "", `{"a"`, []string{asJSON}, 400, "unexpected end"},
		{"an object and an odd space", "", "{}\u00a0", []string{asJSON}, 400, "at byte 3"},
		{"two objects", "", `{} {}`, []string{asJSON}, 400, "at byte 4"},
		{"a string", "", `"a"`, []string{asJSON}, 400, "got a string"},
		{"an array of other things", "", `[{},null]`, []string{asJSON}, 400, "element 1: want an object, got null"},
		{"JSON not in UTF-8", "", "{\"a\":\"\xff\"}", []string{asJSON}, 400, "not in UTF-8"},
		{"a bad line", "", "{}\n\n{]\n", []string{asNDJSON}, 400, "line 3: at byte 2"},
		{"a line of something else", "", "{}\n[1]", []string{asNDJSON}, 400, "line 2: want an object, got an array"},
		{"no body", "", "", []string{asJSON}, 400, "no message"},
		{"no element", "", "[]", []string{asJSON}, 400, "no message"},
		{"no line", "?lines=1", "\n\r\n", []string{asText}, 400, "no message"},
		{"a large body", "", x(101), []string{asText}, 413, "more than 100 bytes"},
		{"a large message", "", x(21), []string{asText}, 413, "message 0 has 21 bytes"},
		{"a large message of many", "", `[{},{"a":"` + x(20) + `"}]`, []string{asJSON}, 413, "message 1 has 28 bytes"},
		{"many messages", "?lines=true", "1\n2\n3\n4", []string{asText}, 413, "more than 3"},
		{"an odd parameter", "?lines=some", "x", []string{asText}, 400, "lines=some"},
		{"parameters that can't be read", "?lines=1;source=x", "x", []string{asText}, 400, "semicolon"},
		{"a parameter that can't be read", "?lines=%zz", "x", []string{asText}, 400, `"%zz"`},
		{"a wildcard in the subject", "/a/*", "x", []string{asText}, 400, `"*"`},
		{"a dot in the subject", "/a.b", "x", []string{asText}, 400, `"a.b"`},
		{"an empty element", "/a//b", "x", []string{asText}, 400, `""`},
		{"an encoded element", "/a%2Fb", "x", []string{asText}, 400, `"a%2Fb"`},
		{"an encoded letter", "/%61", "x", []string{asText}, 400, `"%61"`},
		{"a long subject", "/" + x(256), "x", []string{asText}, 400, "256 bytes"},
		{"a space in the key", "", "x", []string{asText, "Idempotency-Key: a b"}, 400, "Idempotency-Key"},
		{"two keys", "", "x", []string{asText, "Idempotency-Key: a", "Idempotency-Key: b"}, 400, "Idempotency-Key"},
		{"a long key", "", "x", []string{asText, "Idempotency-Key: " + x(129)}, 400, "Idempotency-Key"},
		{"an empty key", "", "x", []string{asText, `Idempotency-Key: ""`}, 400, "Idempotency-Key"},
		{"a web page of somebody else", "", "x", []string{asText, "Origin: https://evil.example"}, 403, "cross-origin"},
		{"a path beside", "x", "x", []string{asText}, 404, "/v1/messagesx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.post(t, c.below, c.body, c.headers...)
			wantProblem(t, a, c.status, c.detail)
			if c.status == 415 {
				assert.NotEmpty(t, a.header.Get("Accept")+a.header.Get("Accept-Encoding"))
			}
		})
	}
	chunked, err := f.send(http.MethodPost, "", struct{ *strings.Reader }{strings.NewReader(x(101))}, asText)
	require.NoError(t, err)
	wantProblem(t, chunked, 413, "more than 100 bytes")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		a, err := f.send(method, "", nil)
		require.NoError(t, err)
		wantProblem(t, a, 405, "only for POST")
		assert.Equal(t, "POST", a.header.Get("Allow"))
	}
	assert.Zero(t, f.handler.budget.held.Load(), "what a body took was given back")
	require.NoError(t, f.finish())
	assert.Empty(t, f.got, "nothing of a refused request was sent")
}

// A page of another site has its own name resolve to this machine: for the browser it is of the same origin.
func TestForeignHost(t *testing.T) {
	conf := testConf()
	f := fly(t, conf, newSink())
	ask := func(f *flight, host string, headers ...string) reply {
		return f.post(t, "", "x", append([]string{asText, "Host: " + host}, headers...)...)
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1:80", "[2001:db8::1]:80"} {
		wantProblem(t, ask(f, host, "Origin: http://"+host, "Sec-Fetch-Site: same-origin"), 403, host)
		wantProblem(t, ask(f, host, "Origin: http://"+host), 403, host)
		wantAccepted(t, ask(f, host), 1) // a program, which may name this machine as it likes
	}
	for _, host := range []string{"localhost:1", "LOCALHOST", "127.0.0.1", "127.9.9.9:80", "[::1]:8080", "[::1]"} {
		wantAccepted(t, ask(f, host, "Origin: http://"+host, "Sec-Fetch-Site: same-origin"), 1)
	}
	conf.Token = []string{"0123456789abcdef"}
	f = fly(t, conf, newSink())
	wantAccepted(t, ask(f, "hooks.example", "Sec-Fetch-Site: same-origin", "Authorization: Bearer 0123456789abcdef"), 1)
}

func TestFixedSubject(t *testing.T) {
	conf := testConf()
	conf.Subject, conf.SubjectFromPath = "in.here", false
	f := fly(t, conf, newSink())
	wantAccepted(t, f.post(t, "", "x", asText), 1)
	assert.Equal(t, "in.here", f.next(t)[KeySubject])
	wantProblem(t, f.post(t, "/orders", "x", asText), 404, "/v1/messages/orders")
}

func TestTokens(t *testing.T) {
	conf := testConf()
	conf.Token = []string{"0123456789abcdef", "fedcba9876543210"}
	f := fly(t, conf, newSink())
	for _, token := range conf.Token {
		wantAccepted(t, f.post(t, "", "x", asText, "Authorization: Bearer "+token), 1)
	}
	wantAccepted(t, f.post(t, "", "x", asText, "Authorization: bearer "+conf.Token[0]), 1)
	for _, header := range []string{
		"X: y", "Authorization: Bearer ", "Authorization: Bearer 0123456789abcde", "Authorization: Bearer 0123456789abcdef0",
		"Authorization: Basic 0123456789abcdef", "Authorization: 0123456789abcdef", "Authorization: Bearer 0123456789abcdef,fedcba9876543210",
	} {
		a := f.post(t, "", "x", asText, header)
		wantProblem(t, a, 401, "token")
		assert.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer ", header)
		assert.True(t, a.closes)
	}
	a, err := f.send(http.MethodGet, "/elsewhere", nil)
	require.NoError(t, err)
	wantProblem(t, a, 401, "no bearer token")
	require.NoError(t, f.finish())
	assert.Len(t, f.got, 3)
}

func TestNoSink(t *testing.T) {
	for _, to := range []string{"nobody", Name} {
		conf := testConf()
		conf.To = to
		f := fly(t, conf, newSink())
		err := <-f.ended
		f.ended = nil
		require.ErrorContains(t, err, fmt.Sprintf("no other block with the responsibility %q", to))
	}
}

func TestPortTakenIsAnErrorOfInit(t *testing.T) {
	f := fly(t, testConf(), newSink())
	r := newReceiver(discard())
	err := r.Init(sputniktest.Conf(t, map[string]string{Name: "listen: " + f.address()}))
	require.ErrorContains(t, err, f.address())
}

func TestFinishWithoutRunGivesThePortBack(t *testing.T) {
	r := newReceiver(discard())
	require.NoError(t, r.Init(sputniktest.Conf(t, map[string]string{Name: "listen: 127.0.0.1:0"})))
	address := r.server.listener.Addr().String()
	r.Finish(true)
	again, err := net.Listen("tcp", address)
	require.NoError(t, err)
	again.Close()
}
