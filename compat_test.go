package sputnik_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// This file is written as users of github.com/g41797/sputnik write: what compiles and flies there does here.

// Types: each is what it is there, no more and no less.
var (
	_ func(confName string, result any) error = sputnik.ConfFactory(nil)
	_ func(cf sputnik.ConfFactory) error      = sputnik.Init(nil)
	_ func(bc sputnik.BlockCommunicator)      = sputnik.Run(nil)
	_ func(init bool)                         = sputnik.Finish(nil)
	_ func(connection any)                    = sputnik.OnServerConnect(nil)
	_ func()                                  = sputnik.OnServerDisconnect(nil)
	_ func(msg sputnik.Msg)                   = sputnik.OnMsg(nil)
	_ func() *sputnik.Block                   = sputnik.BlockFactory(nil)
	_ func() error                            = sputnik.Launch(nil)
	_ func()                                  = sputnik.ShootDown(nil)

	_ map[string]any                  = sputnik.Msg(nil)
	_ map[string]sputnik.BlockFactory = sputnik.BlockFactories(nil)

	_ *any = (*sputnik.ServerConnection)(nil) // aliases
	_ *any = (*sputnik.ServerConfiguration)(nil)

	_ = struct{ Name, Responsibility string }(sputnik.BlockDescriptor{"name", "resp"})

	// Assignable both ways: exactly these methods, so that people can mock it.
	_ interface {
		Communicator(resp string) (bc sputnik.BlockCommunicator, exists bool)
		Descriptor() sputnik.BlockDescriptor
		Send(msg sputnik.Msg) bool
	} = sputnik.BlockCommunicator(nil)
	_ sputnik.BlockCommunicator = interface {
		Communicator(resp string) (bc sputnik.BlockCommunicator, exists bool)
		Descriptor() sputnik.BlockDescriptor
		Send(msg sputnik.Msg) bool
	}(nil)
	_ interface {
		Connect(cf sputnik.ConfFactory) (conn sputnik.ServerConnection, err error)
		IsConnected() bool
		Disconnect()
	} = sputnik.ServerConnector(nil)
	_ sputnik.ServerConnector = interface {
		Connect(cf sputnik.ConfFactory) (conn sputnik.ServerConnection, err error)
		IsConnected() bool
		Disconnect()
	}(nil)
)

// Functions.
var (
	_ func(opts ...sputnik.BlockOption) *sputnik.Block                = sputnik.NewBlock
	_ func(f sputnik.Init) sputnik.BlockOption                        = sputnik.WithInit
	_ func(f sputnik.Run) sputnik.BlockOption                         = sputnik.WithRun
	_ func(f sputnik.Finish) sputnik.BlockOption                      = sputnik.WithFinish
	_ func(f sputnik.OnServerConnect) sputnik.BlockOption             = sputnik.WithOnConnect
	_ func(f sputnik.OnServerDisconnect) sputnik.BlockOption          = sputnik.WithOnDisconnect
	_ func(f sputnik.OnMsg) sputnik.BlockOption                       = sputnik.WithOnMsg
	_ func(blockName string, blockFactory sputnik.BlockFactory)       = sputnik.RegisterBlockFactory
	_ func(name string) (sputnik.BlockFactory, error)                 = sputnik.Factory
	_ func() sputnik.BlockFactories                                   = sputnik.DefaultFactories
	_ func() sputnik.BlockDescriptor                                  = sputnik.FinisherDescriptor
	_ func() sputnik.BlockDescriptor                                  = sputnik.ConnectorDescriptor
	_ func() sputnik.Msg                                              = sputnik.FinishMsg
	_ func(opts ...sputnik.SputnikOption) (*sputnik.Sputnik, error)   = sputnik.NewSputnik
	_ func(cf sputnik.ConfFactory) sputnik.SputnikOption              = sputnik.WithConfFactory
	_ func(appBlocks []sputnik.BlockDescriptor) sputnik.SputnikOption = sputnik.WithAppBlocks
	_ func(blkFacts sputnik.BlockFactories) sputnik.SputnikOption     = sputnik.WithBlockFactories
	_ func(fbd sputnik.BlockDescriptor) sputnik.SputnikOption         = sputnik.WithFinisher

	_ func(cnt sputnik.ServerConnector, to time.Duration) sputnik.SputnikOption = sputnik.WithConnector

	// A value receiver: a Sputnik is copied.
	_ func(sputnik.Sputnik) (sputnik.Launch, sputnik.ShootDown, error) = sputnik.Sputnik.Prepare
)

func TestCompatConstants(t *testing.T) {
	const (
		initiator     string = sputnik.InitiatorResponsibility
		finisherName  string = sputnik.DefaultFinisherName
		finisherResp  string = sputnik.DefaultFinisherResponsibility
		connectorName string = sputnik.DefaultConnectorName
		connectorResp string = sputnik.DefaultConnectorResponsibility

		timeout time.Duration = sputnik.DefaultConnectorTimeout
	)
	assert.Equal(t, "initiator", initiator)
	assert.Equal(t, sputnik.BlockDescriptor{"finisher", "finisher"}, sputnik.BlockDescriptor{finisherName, finisherResp})
	assert.Equal(t, sputnik.BlockDescriptor{"connector", "connector"}, sputnik.BlockDescriptor{connectorName, connectorResp})
	assert.Equal(t, sputnik.BlockDescriptor{finisherName, finisherResp}, sputnik.FinisherDescriptor())
	assert.Equal(t, sputnik.BlockDescriptor{connectorName, connectorResp}, sputnik.ConnectorDescriptor())
	assert.Equal(t, 5*time.Second, timeout)
}

// dumbConf is the configuration factory of blocks that have no configuration.
func dumbConf(confName string, result any) error { return nil }

var blkList = []sputnik.BlockDescriptor{
	{"dumb", "1"},
	{"dumb", "2"},
	{"dumb", "3"},
}

// dumbBlock notes what is done to it.
type dumbBlock struct {
	tb     *testBlocks
	number string
	stop   chan struct{}
}

func (tb *testBlocks) dumbBlockFactory() *sputnik.Block {
	tb.made++
	db := &dumbBlock{
		tb:     tb,
		number: fmt.Sprint(tb.made),
		stop:   make(chan struct{}),
	}
	block := sputnik.NewBlock(
		sputnik.WithInit(db.init),
		sputnik.WithRun(db.run),
		sputnik.WithFinish(db.finish),
		sputnik.WithOnConnect(db.serverConnected),
		sputnik.WithOnDisconnect(db.serverDisconnected),
		sputnik.WithOnMsg(db.eventReceived))
	return block
}

func (db *dumbBlock) init(cf sputnik.ConfFactory) error {
	if db.number == db.tb.sick {
		return errors.New("sick")
	}
	db.tb.j.add("init %s", db.number)
	return nil
}

func (db *dumbBlock) run(communicator sputnik.BlockCommunicator) {
	db.tb.running <- communicator
	<-db.stop
	db.tb.j.add("ran %s", db.number)
}

func (db *dumbBlock) finish(init bool) {
	db.tb.j.add("finish %s %v", db.number, init)
	close(db.stop)
}

// One callback is declared with any, the other kind of connection in dumbFinisher: both compile.
func (db *dumbBlock) serverConnected(connection any) {
	db.tb.j.add("connected %s %v", db.number, connection)
	db.tb.connected.Done()
}

func (db *dumbBlock) serverDisconnected() {
	db.tb.j.add("disconnected %s", db.number)
	db.tb.disconnected.Done()
}

func (db *dumbBlock) eventReceived(msg sputnik.Msg) {
	db.tb.j.add("msg %s %v", db.number, msg["n"])
}

// dumbConnector connects to nothing.
type dumbConnector struct {
	mu        sync.Mutex
	connected bool
	refuse    bool
}

func (c *dumbConnector) Connect(cf sputnik.ConfFactory) (conn sputnik.ServerConnection, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		return nil, errors.New("no server")
	}
	c.connected = true
	return "dumb server", nil
}

func (c *dumbConnector) IsConnected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected
}

func (c *dumbConnector) Disconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = false
}

// lose breaks the connection for good.
func (c *dumbConnector) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected, c.refuse = false, true
}

// testBlocks is what the dumb blocks of one flight share.
type testBlocks struct {
	conntr dumbConnector
	to     time.Duration
	sick   string // the block whose Init fails

	made    int
	j       journal
	running chan sputnik.BlockCommunicator

	connected, disconnected sync.WaitGroup
}

func newTestBlocks() *testBlocks {
	tb := &testBlocks{to: time.Millisecond, running: make(chan sputnik.BlockCommunicator, len(blkList))}
	tb.connected.Add(len(blkList))
	tb.disconnected.Add(len(blkList))
	return tb
}

func (tb *testBlocks) factories() sputnik.BlockFactories {
	res := make(sputnik.BlockFactories)
	res["dumb"] = tb.dumbBlockFactory
	return res
}

func TestCompatFlight(t *testing.T) {
	tb := newTestBlocks()
	testSputnik, _ := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks(blkList),
		sputnik.WithBlockFactories(tb.factories()),
		sputnik.WithConnector(&tb.conntr, tb.to),
	)
	launch, kill, err := testSputnik.Prepare()
	require.NoError(t, err)

	launched := make(chan error)
	go func() { launched <- launch() }()

	tb.connected.Wait()
	for range blkList {
		bc := <-tb.running
		assert.Equal(t, "dumb", bc.Descriptor().Name)
		next, exists := bc.Communicator("2")
		require.True(t, exists)
		assert.Equal(t, sputnik.BlockDescriptor{"dumb", "2"}, next.Descriptor())
		assert.True(t, next.Send(sputnik.Msg{"n": bc.Descriptor().Responsibility}))
		assert.False(t, next.Send(nil))
		_, exists = bc.Communicator("4")
		assert.False(t, exists)
		_, exists = bc.Communicator(sputnik.DefaultConnectorResponsibility)
		assert.True(t, exists)
	}
	tb.conntr.lose()
	tb.disconnected.Wait()
	kill()
	require.NoError(t, <-launched)

	assert.Equal(t, []string{"init 1", "init 2", "init 3"}, tb.j.with("init"))
	assert.ElementsMatch(t, []string{"connected 1 dumb server", "connected 2 dumb server", "connected 3 dumb server"}, tb.j.with("connected"))
	assert.Equal(t, []string{"finish 3 false", "ran 3", "finish 2 false", "ran 2", "finish 1 false", "ran 1"}, tb.j.with("finish", "ran"))
	assert.ElementsMatch(t, []string{"msg 2 1", "msg 2 2", "msg 2 3"}, tb.j.with("msg"))
	assert.False(t, tb.conntr.IsConnected())
}

func TestCompatFailedInit(t *testing.T) {
	tb := newTestBlocks()
	tb.sick = "3"
	testSputnik, _ := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks(blkList),
		sputnik.WithBlockFactories(tb.factories()),
		sputnik.WithConnector(&tb.conntr, tb.to),
	)
	_, _, err := testSputnik.Prepare()
	require.ErrorContains(t, err, "sick")
	// The stop channel is made by the factory, so that Finish has something to close though Run was never called.
	assert.Equal(t, []string{"init 1", "init 2", "finish 2 true", "finish 1 true"}, tb.j.all())
}

// dumbFinisher is a finisher of the host's.
type dumbFinisher struct {
	signals chan os.Signal
	done    chan struct{}
	server  chan sputnik.ServerConnection
}

func (f *dumbFinisher) init(cf sputnik.ConfFactory) error {
	f.signals = make(chan os.Signal, 1)
	f.done = make(chan struct{})
	return nil
}

func (f *dumbFinisher) run(bc sputnik.BlockCommunicator) {
	signal.Notify(f.signals, os.Interrupt)
	defer signal.Stop(f.signals)
	select {
	case <-f.signals:
	case <-f.server:
	case <-f.done:
		return
	}
	initbl, ok := bc.Communicator(sputnik.InitiatorResponsibility)
	if ok {
		initbl.Send(sputnik.FinishMsg())
	}
}

func (f *dumbFinisher) finish(init bool)                              { close(f.done) }
func (f *dumbFinisher) onServerConnect(conn sputnik.ServerConnection) { f.server <- conn }
func (f *dumbFinisher) debug(msg sputnik.Msg)                         {}

func TestCompatFinisherOfTheHost(t *testing.T) {
	tb := newTestBlocks()
	factories := tb.factories()
	factories["dumbfinisher"] = func() *sputnik.Block {
		finisher := new(dumbFinisher)
		finisher.server = make(chan sputnik.ServerConnection, 1)
		block := sputnik.NewBlock(
			sputnik.WithInit(finisher.init),
			sputnik.WithRun(finisher.run),
			sputnik.WithFinish(finisher.finish),
			sputnik.WithOnConnect(finisher.onServerConnect),
			sputnik.WithOnMsg(finisher.debug))
		return block
	}
	testSputnik, _ := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks(blkList),
		sputnik.WithBlockFactories(factories),
		sputnik.WithFinisher(sputnik.BlockDescriptor{"dumbfinisher", sputnik.DefaultFinisherResponsibility}),
		sputnik.WithConnector(&tb.conntr, tb.to),
	)
	launch, _, err := testSputnik.Prepare()
	require.NoError(t, err)
	require.NoError(t, launch())
	assert.Equal(t, []string{"finish 3 false", "finish 2 false", "finish 1 false"}, tb.j.with("finish"))
}

// flyByValue takes a copy, as functions that were written against it do.
func flyByValue(testSputnik sputnik.Sputnik) error {
	launch, kill, err := testSputnik.Prepare()
	if err != nil {
		return err
	}
	kill()
	return launch()
}

func TestCompatSputnikIsCopied(t *testing.T) {
	tb := newTestBlocks()
	testSputnik, err := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks(blkList),
		sputnik.WithBlockFactories(tb.factories()),
		sputnik.WithConnector(&tb.conntr, tb.to),
	)
	require.NoError(t, err)
	first, second := *testSputnik, *testSputnik
	require.NoError(t, flyByValue(first))
	require.NoError(t, flyByValue(second))
	assert.Len(t, tb.j.with("init"), 2*len(blkList), "each Prepare is a flight of its own")
}

// loner is a block that knows no server, registered as its users register.
type loner struct{ stop chan struct{} }

func (l *loner) init(cf sputnik.ConfFactory) error { l.stop = make(chan struct{}); return nil }
func (l *loner) finish(init bool)                  { close(l.stop) }

func (l *loner) run(bc sputnik.BlockCommunicator) {
	initbl, _ := bc.Communicator(sputnik.InitiatorResponsibility)
	initbl.Send(sputnik.FinishMsg())
	<-l.stop
}

func lonerBlockFactory() *sputnik.Block {
	loner := new(loner)
	block := sputnik.NewBlock(
		sputnik.WithInit(loner.init),
		sputnik.WithRun(loner.run),
		sputnik.WithFinish(loner.finish))
	return block
}

func init() { // Registration of loner block factory
	sputnik.RegisterBlockFactory("loner", lonerBlockFactory)
}

func TestCompatWithoutServer(t *testing.T) {
	_, err := sputnik.Factory("loner")
	require.NoError(t, err)
	testSputnik, _ := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{"loner", "loner"}}),
	)
	launch, _, err := testSputnik.Prepare()
	require.NoError(t, err)
	require.NoError(t, launch())
}

// Keys with "__" are the library's. What a block sends under them is not obeyed.
func TestCompatHouseKeepingMessageOfABlock(t *testing.T) {
	tb := newTestBlocks()
	testSputnik, _ := sputnik.NewSputnik(
		sputnik.WithConfFactory(dumbConf),
		sputnik.WithAppBlocks(blkList),
		sputnik.WithBlockFactories(tb.factories()),
		sputnik.WithConnector(&tb.conntr, tb.to),
	)
	launch, kill, err := testSputnik.Prepare()
	require.NoError(t, err)
	launched := make(chan error)
	go func() { launched <- launch() }()
	connCommunicator, exists := (<-tb.running).Communicator(sputnik.DefaultConnectorResponsibility)
	require.True(t, exists)

	setupMsg := make(sputnik.Msg)
	setupMsg["__connector"] = &dumbConnector{refuse: true}
	setupMsg["__timeout"] = 10000

	assert.False(t, connCommunicator.Send(setupMsg))
	tb.connected.Wait()
	kill()
	require.NoError(t, <-launched)
}
