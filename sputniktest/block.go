package sputniktest

import (
	"testing"

	"github.com/sputnik-go/sputnik"
)

// WithMessages gives valid messages to feed to the block. gen is called often, from one goroutine at a time, and
// returns new ones each time: ownership passes. Without it only odd messages are fed.
func WithMessages(gen func() []sputnik.Msg) Option { return func(k *kit) { k.samples = gen } }

// WithConnection gives what the block gets by OnServerConnect: the n-th connection, from 1. If it is an io.Closer, it is
// closed at the disconnect. Without it, it's a *[Conn].
func WithConnection(open func(n int) sputnik.ServerConnection) Option {
	return func(k *kit) { k.open = open }
}

// WithPeer adds a block that the one under test talks to, in front of it.
func WithPeer(resp string, factory sputnik.BlockFactory) Option {
	return func(k *kit) { k.peers = append(k.peers, member{resp, factory}) }
}

// Block checks a block against what [sputnik] promises to others on its behalf, in subtests:
//
//	factory                  each call makes a block of its own, and starts nothing
//	init                     the set-up is sound, and Init succeeds
//	flight                   launch, connect, fly, stop: nothing fails
//	finish in time           ... within the limit ([WithLimit])
//	no goroutine left        ... and without a rest
//	second flight            it can fly again in the same program
//	two instances            two of it can fly in one process
//	finish without run       another block's Init fails: Finish(true)
//	stop before launch       Finish(true) after Attach
//	stop during init         a stop meets its Init, or that of a later block
//	no server                the server never comes
//	stop right after launch  Finish may come before Run has made its first step
//	second signal            ShootDown, again, then signals: it obeys a finish that is cut short
//	connection storm         connect and disconnect, many times; a finish in both states
//	messages                 sent while it flies, from several goroutines
//	early messages           sent before the launch
//	messages without server  the same, but never connected
//	late messages            sent while the process finishes, and after its own end
//	odd messages             empty ones, unknown keys, nil and wrong values
//	backlog                  hundreds wait when the stop comes: none is lost
//
// factory is that of the block. What the checks need to know beside it is given by options: [WithConf], [WithMessages],
// [WithConnection], [WithPeer], [WithLimit], [WithRealTime], [Without]. The block flies beside others that make the
// trouble; the error path of its own Init is left to its own tests. A mistake fails the check that names it, and only
// that: checks that stumble on the same thing are skipped.
func Block(t *testing.T, factory sputnik.BlockFactory, opts ...Option) {
	t.Helper()
	newBlockKit(factory, opts...).run(t)
}

func newBlockKit(factory sputnik.BlockFactory, opts ...Option) *kit {
	k := newKit(opts)
	k.block = factory
	k.checks = append(basicChecks(), append(stopChecks(), feedChecks()...)...)
	return k
}

// ofInit lists the faults by which a process doesn't come up.
func ofInit() []string {
	return []string{
		"set-up", "error of Init", "panic in Init", "abandoned in Init", "slow Init",
		"error of Attach", "panic in Attach", "abandoned in Attach",
	}
}

func basicChecks() []check {
	return []check{
		{
			name: "factory", vital: true, kinds: anything, phase: inFactory, judge: firstScene,
			offends: "a factory makes a new block each time, and acquires nothing",
			advice:  "make all state inside of the factory, as in func() *Block { return BlockOf(new(impl)) }, and start goroutines in Init or Run",
		},
		{
			name: "init", vital: true, kinds: anything, only: ofInit(), phase: inFlight, judge: firstScene,
			offends: "G1, G2: without every Init there is no process",
			advice:  "give the block its configuration by WithConf; let pass fs.ErrNotExist if there are defaults for everything; leave the server to OnServerConnect",
		},
		{
			name: "flight", vital: true, kinds: failure, phase: inFlight, judge: firstScene,
			offends: "G11: a callback that fails finishes the whole process",
			advice:  "return nil from Run, or the context's own error, when the context ends; give blocks that it talks to by WithPeer, the connection by WithConnection",
		},
		{
			name: "finish in time", vital: true, kinds: lateness, phase: inFlight, judge: firstScene,
			offends: "G7: a block that overruns its time is abandoned, and its work is lost",
			advice:  "make every wait of a callback a select with the context of Run, or with a channel that Finish closes; if it needs longer, WithLimit",
		},
		{
			name: "no goroutine left", kinds: leak, phase: inFlight, judge: firstScene,
			offends: "G10: after the flight only abandoned goroutines are left",
			advice:  "await in Run, before it returns, or in Finish what the block has started",
		},
		{
			name: "second flight", vital: true, kinds: anything, phase: inSecondFlight, judge: firstScene,
			offends: "a process may be prepared again, and a block restarted, in the same program",
			advice:  "keep no state outside of what the factory makes: no package variable, no sync.Once, no channel made once",
		},
		{
			name: "two instances", kinds: anything, judge: checkTwoInstances,
			offends: "a block may run under several responsibilities",
			advice:  "keep no state outside of what the factory makes; what both need to have is to be configured for each responsibility",
		},
	}
}

func stopChecks() []check {
	return []check{
		{
			name: "finish without run", kinds: anything, judge: checkFinishWithoutRun,
			offends: "G2: when another Init fails, the block gets Finish(true), and Run was never started",
			advice:  "make in Init what Finish needs, wait in Finish(true) for nothing that Run does, and release there what Init has acquired",
		},
		{
			name: "stop before launch", kinds: anything, judge: checkStopBeforeLaunch,
			offends: "G6: a stop after Prepare and before launch finishes the block by Finish(true)",
			advice:  "release in Finish(true) what Attach has acquired; a block without Finish acquires only in Run",
		},
		{
			name: "stop during init", kinds: anything, judge: checkStopDuringInit,
			offends: "G2, G6: a stop that meets an Init grants it 5 s",
			advice:  "let Init only read configuration and acquire what is at hand; what may take long belongs into Run",
		},
		{
			name: "no server", kinds: anything, judge: checkNoServer,
			offends: "G15, G19: a process lives, and ends, without its server",
			advice:  "select on the context wherever Run waits for the first connection",
		},
		{
			name: "stop right after launch", kinds: anything, judge: checkStopAfterLaunch,
			offends: "G6: Finish may come when Run was started, and has done nothing yet",
			advice:  "make in Init every channel and every field that Finish or another callback uses",
		},
		{
			name: "second signal", kinds: anything, judge: checkSecondSignal,
			offends: "G9: a second signal leaves all blocks a second",
			advice:  "flush under sputnik.FlushContext(ctx), and give up when that ends",
		},
		{
			name: "connection storm", kinds: anything, judge: checkStorm,
			offends: "G16: connect and disconnect alternate, as often as the server likes",
			advice:  "let OnServerConnect and OnServerDisconnect begin and end the same things, close nothing twice, and wait for nobody there",
		},
	}
}

func feedChecks() []check {
	return []check{
		{
			name: "messages", kinds: anything, judge: checkMessages,
			offends: "G11, G13: an accepted message is handled, and its handling doesn't fail",
			advice:  "see the error; guard what Run, OnMsg and the connection callbacks share by a lock, or use WithSerialCallbacks",
		},
		{
			name: "early messages", kinds: anything, judge: checkEarlyMessages,
			offends: "G12: OnMsg may come as soon as Run was started, before Run has done anything",
			advice:  "set in Init or Attach, not in Run, what OnMsg uses",
		},
		{
			name: "messages without server", kinds: anything, judge: checkMessagesWithoutServer,
			offends: "G13: messages come whether or not there is a connection",
			advice:  "keep, or report and drop, what can't be sent yet; never use a connection that was not given, nor wait for one in OnMsg",
		},
		{
			name: "late messages", kinds: anything, judge: checkLateMessages,
			offends: "G5: blocks that finish earlier may still send",
			advice:  "let OnMsg work until Finish, or the end of Run's context",
		},
		{
			name: "odd messages", kinds: anything, judge: checkOddMessages,
			offends: "G11: a message that OnMsg panics on finishes the whole process",
			advice:  "take values out by v, ok := msg[key].(T), and drop what doesn't fit",
		},
		{
			name: "backlog", kinds: anything, judge: checkBacklog,
			offends: "G5, G13: what the mailbox has accepted is to be handled in three quarters of the block's time",
			advice:  "make OnMsg quick, bound the mailbox by WithMailbox, or raise the limit by WithBlockFinishTimeout",
		},
	}
}
