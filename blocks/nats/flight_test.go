package nats

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// flight is a process with the broker, the connector and a producer, which the test sends to.
type flight struct {
	*sputniktest.Flight
	producer sputnik.BlockCommunicator
	broker   *embedded.Server
}

func fly(t *testing.T, shared Conf, conf ProducerConf) *flight {
	t.Helper()
	return flyOn(t, shared, conf, func(*embedded.Conf) {})
}

// flyOn changes the broker's configuration, too.
func flyOn(t *testing.T, shared Conf, conf ProducerConf, change func(*embedded.Conf)) *flight {
	t.Helper()
	store := t.TempDir()
	cf := func(name string, result any) error {
		if own, ok := result.(*embedded.Conf); ok {
			own.Store = store
			change(own)
		}
		return confOf(shared, conf)(name, result)
	}
	broker := embedded.New(discard())
	f := sputniktest.New(t, sputnik.WithConfFactory(cf), sputnik.WithConnector(NewConnector(discard(), broker), 50*time.Millisecond)).
		Add(embedded.Name, broker.NewBlock).
		Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) }).
		Add("source", new(sputniktest.Recorder).Factory).
		Launch().Ready()
	producer, ok := f.Communicator().Communicator(ProducerName)
	require.True(t, ok)
	return &flight{f, producer, broker}
}

// outcomes collects what done was called with, for each message.
type outcomes struct {
	mu   sync.Mutex
	errs map[string][]error
	wg   sync.WaitGroup
}

func (o *outcomes) of(name string) func(error) {
	o.wg.Add(1)
	return func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.errs == nil {
			o.errs = make(map[string][]error)
		}
		o.errs[name] = append(o.errs[name], err)
		o.wg.Done()
	}
}

// wait returns the one outcome of each message.
func (o *outcomes) wait(t *testing.T) map[string]error {
	t.Helper()
	o.wg.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string]error)
	for name, errs := range o.errs {
		require.Len(t, errs, 1, name)
		all[name] = errs[0]
	}
	return all
}

// letters returns the messages of the stream that have the subject.
func letters(t *testing.T, conn *Connection, subject string) []jetstream.Msg {
	t.Helper()
	consumer, err := conn.Stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	require.NoError(t, err)
	var all []jetstream.Msg
	for pending := consumer.CachedInfo().NumPending; pending > 0; pending-- {
		msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
		require.NoError(t, err)
		all = append(all, msg)
	}
	return all
}

func TestStoresUnderTheTemplatesSubject(t *testing.T) {
	conf := DefaultProducerConf()
	conf.SubjectTemplate = "syslog.{severity}.{hostname}"
	f := fly(t, testConf(), conf)
	var done outcomes
	record := fields{"severity": "info", "hostname": "db.example.org"}
	f.producer.Send(sputnik.Msg{KeyData: []byte("1"), KeyFields: record, KeyDone: done.of("1"), KeySubject: "ignored"})
	f.producer.Send(sputnik.Msg{KeyData: []byte("2"), KeyDone: done.of("2")})
	assert.Equal(t, map[string]error{"1": nil, "2": nil}, done.wait(t))
	_, conn := connect(t, f.broker, testConf())
	assert.Len(t, letters(t, conn, "syslog.info.db%2Eexample%2Eorg"), 1)
	assert.Len(t, letters(t, conn, "syslog.-.-"), 1)
	require.NoError(t, f.Stop())
}

func TestOneIDIsStoredOnce(t *testing.T) {
	f := fly(t, testConf(), DefaultProducerConf())
	var done outcomes
	odd := "an id with\r\nSputnik-Error: a header in it"
	for i, id := range []string{"order-7", "order-7", odd, odd, "", ""} {
		name := string(rune('a' + i))
		f.producer.Send(sputnik.Msg{KeySubject: "x", KeyData: []byte(name), KeyID: id, KeyDone: done.of(name)})
	}
	for name, err := range done.wait(t) {
		require.NoError(t, err, name)
	}
	_, conn := connect(t, f.broker, testConf())
	assert.Equal(t, []string{"a", "c", "e", "f"}, stored(t, conn))
	count := f.counters(t)
	assert.EqualValues(t, 6, count["acknowledged"])
	assert.EqualValues(t, 2, count["duplicates"])
	require.NoError(t, f.Stop())
}

func (f *flight) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	answer, err := sputnik.Request(t.Context(), f.producer, sputnik.Msg{KeyCommand: CommandCounters})
	require.NoError(t, err)
	require.Len(t, answer, 1)
	return answer[KeyCounters].(map[string]uint64)
}

// What is of the wrong type is no reason to store a message elsewhere, or twice, or without a word.
func TestKeysOfTheWrongType(t *testing.T) {
	p := &producer{prefix: "syslog."}
	tmpl, err := compileTemplate("syslog.{a}", "syslog.", "-")
	require.NoError(t, err)
	withTemplate := &producer{template: tmpl}
	good := func() sputnik.Msg { return sputnik.Msg{KeySubject: "x", KeyData: []byte("x")} }
	cases := map[string]struct {
		p     *producer
		value any
	}{
		KeyDone: {p, func() {}}, KeyID: {p, 7}, KeySubject: {p, []byte("x")}, KeyFields: {withTemplate, map[string]string{"a": "b"}},
	}
	for key, c := range cases {
		msg := good()
		msg[key] = nil // is absent
		if key != KeySubject {
			out, err := c.p.read(msg)
			require.NoError(t, err)
			require.NoError(t, out.refused, key)
		}
		msg[key] = c.value
		out, err := c.p.read(msg)
		require.NoError(t, err)
		require.ErrorContains(t, out.refused, fmt.Sprintf("%q of the message is of type %T, not ", key, c.value))
	}
}

func TestCountersAddUp(t *testing.T) {
	f := fly(t, testConf(), DefaultProducerConf())
	var done outcomes
	for _, subject := range []string{"good", "bad subject"} {
		f.producer.Send(sputnik.Msg{KeySubject: subject, KeyData: []byte("x"), KeyDone: done.of(subject)})
	}
	f.producer.Send(sputnik.Msg{KeySubject: "no data", KeyDone: done.of("no data")})
	ends := done.wait(t)
	require.NoError(t, ends["good"])
	require.ErrorContains(t, ends["bad subject"], "not a subject")
	require.ErrorIs(t, ends["no data"], errNoData)
	assert.Equal(t, map[string]uint64{
		"accepted": 3, "published": 1, "repeated": 0, "acknowledged": 1, "duplicates": 0,
		"found": 0, "refused": 2, "dead_lettered": 0, "cut": 0, "given_up": 0,
		"in_flight": 0, "in_flight_bytes": 0,
	}, f.counters(t))
	answer, err := sputnik.Request(t.Context(), f.producer, sputnik.Msg{KeyCommand: "dance"})
	require.NoError(t, err)
	assert.Equal(t, sputnik.Msg{"error": `unknown command dance: there is "counters"`}, answer)
	require.NoError(t, f.Stop())
}

// Without a server, the blocks that send to the producer are rid of what they hold at once: nothing is lost with them that
// the server could still take, would it come back before the flush is over.
func TestFinishTakesWhatSendersHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lines = 5000 // more than window and mailbox have room for
		server := sputniktest.NewServer(t)
		server.Down()
		taken := 0
		source := func() *sputnik.Block {
			return sputnik.NewBlock(
				sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
				sputnik.WithBlockFinishTimeout(5*time.Second),
				sputnik.WithRunContext(func(ctx context.Context, bc sputnik.BlockCommunicator) error {
					<-ctx.Done()
					to, _ := bc.Communicator(ProducerName)
					for taken < lines && to.Send(sputnik.Msg{KeySubject: "x", KeyData: []byte("x")}) {
						taken++
					}
					return nil
				}))
		}
		f := sputniktest.New(t, sputnik.WithConfFactory(confOf(testConf(), DefaultProducerConf())), sputnik.WithConnector(server, time.Second)).
			Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) }).
			Add("source", source).
			Launch()
		sputniktest.Await[sputnik.ConnectFailed](f)
		require.ErrorContains(t, f.Stop(), fmt.Sprintf("%d messages not acknowledged within 10s", lines))
		assert.Equal(t, lines, taken)
	})
}

// The broker ends before the connector, which is none of its business.
func TestCleanEndWithTheEmbeddedBlock(t *testing.T) {
	f := fly(t, testConf(), DefaultProducerConf())
	f.producer.Send(sputnik.Msg{KeySubject: "x", KeyData: []byte("x")})
	require.NoError(t, f.Stop())
	assert.Empty(t, sputniktest.Events[sputnik.ConnectionLost](f.Flight))
	assert.Empty(t, sputniktest.Events[sputnik.ConnectFailed](f.Flight))
	assert.Len(t, sputniktest.Events[sputnik.Disconnected](f.Flight), 1)
}

// An edge stores, also where it has never seen its hub.
func TestEdgeThatHasNeverSeenItsHub(t *testing.T) {
	hub := "nats://u:secret@" + brokertest.Reserve(t).URL[len("nats://"):] // nobody listens there
	f := flyOn(t, testConf(), DefaultProducerConf(), func(own *embedded.Conf) {
		own.Domain, own.Leaf, own.LeafLocal = "edge1", []string{hub}, []string{"syslog.>"}
	})
	var done outcomes
	f.producer.Send(sputnik.Msg{KeySubject: "x", KeyData: []byte("x"), KeyDone: done.of("x")})
	assert.Equal(t, map[string]error{"x": nil}, done.wait(t))
	require.NoError(t, f.Stop())
}

// A program that imports the blocks blank has a listener and urls between them.
func TestEmbeddedBlockByItsListener(t *testing.T) {
	reserved := brokertest.Reserve(t) // a free port
	shared := testConf()
	shared.URLs = []string{reserved.URL}
	store := t.TempDir()
	cf := func(name string, result any) error {
		if own, ok := result.(*embedded.Conf); ok {
			own.Store, own.Listen = store, reserved.URL[len("nats://"):]
		}
		return confOf(shared, DefaultProducerConf())(name, result)
	}
	f := sputniktest.New(t, sputnik.WithConfFactory(cf), sputnik.WithConnector(NewConnector(discard(), nil), 50*time.Millisecond)).
		Add(embedded.Name, func() *sputnik.Block { return embedded.NewBlock(discard()) }).
		Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) }).
		Launch().Ready()
	var done outcomes
	require.True(t, f.Send(ProducerName, sputnik.Msg{KeySubject: "x", KeyData: []byte("x"), KeyDone: done.of("x")}))
	assert.Equal(t, map[string]error{"x": nil}, done.wait(t))
	require.NoError(t, f.Stop())
}

func TestProducerConforms(t *testing.T) {
	b := brokertest.Start(t)
	sputniktest.Block(t, func() *sputnik.Block { return NewProducer(discard()) },
		sputniktest.WithConf(confOf(testConf(), DefaultProducerConf())),
		sputniktest.WithRealTime(),
		sputniktest.Without("messages without server", "what could not be stored is an error, and has to be"),
		sputniktest.WithConnection(func(int) sputnik.ServerConnection { return open(t, b) }),
		sputniktest.WithMessages(func() []sputnik.Msg {
			return []sputnik.Msg{{KeySubject: "user.info", KeyData: []byte("x"), KeyDone: func(error) {}, KeyFields: fields{}}}
		}))
}

func TestTailConforms(t *testing.T) {
	b := brokertest.Start(t)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	sputniktest.Block(t, func() *sputnik.Block { return NewTail(discard(), null) },
		sputniktest.WithRealTime(),
		sputniktest.WithConnection(func(int) sputnik.ServerConnection { return open(t, b) }))
}

// open connects for a kit, which closes the connection.
func open(t *testing.T, server *brokertest.Process) sputnik.ServerConnection {
	conf := testConf()
	conf.URLs = []string{server.URL}
	conn, err := NewConnector(discard(), nil).ConnectContext(t.Context(), confOf(conf, ProducerConf{}))
	require.NoError(t, err)
	return conn
}

func TestEveryKeyIsExplained(t *testing.T) {
	for _, conf := range []reflect.Type{reflect.TypeFor[Conf](), reflect.TypeFor[ProducerConf]()} {
		for _, f := range reflect.VisibleFields(conf) {
			assert.NotEmpty(t, f.Tag.Get("koanf"), f.Name)
			assert.NotEmpty(t, f.Tag.Get("doc"), f.Name)
		}
	}
}

func TestAllFaultsOfTheProducerAtOnce(t *testing.T) {
	cf := sputniktest.Conf(t, map[string]string{
		ConfName:     "subject: logs\nack_timeout: -1s\n",
		ProducerName: "subject_template: 'syslog.{host}'\nsubject_missing: 'a.b'\ndead_letter: 'x.>'\nmax_pending: 0\n",
	})
	f := sputniktest.New(t, sputnik.WithConfFactory(cf), sputnik.WithConnector(NewConnector(discard(), nil), 0)).
		Add(ProducerName, func() *sputnik.Block { return NewProducer(discard()) })
	err := f.Prepare()
	for _, want := range []string{
		`block "nats": key "ack_timeout"`,
		`block "nats.producer": key "subject_template": "syslog.{host}" does not begin with "logs."`,
		`key "subject_missing": "a.b" is not one token`, `key "dead_letter": "x.>" is not a subject`, `key "max_pending"`,
	} {
		require.ErrorContains(t, err, want)
	}
	var ce *sputnik.ConfError
	require.ErrorAs(t, err, &ce)
}
