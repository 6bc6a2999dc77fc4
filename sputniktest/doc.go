// Package sputniktest tests blocks and connectors of [github.com/sputnik-go/sputnik]. It is for people who write them;
// programs don't import it.
//
// # One line for a block, one for a connector
//
//	func TestTicker(t *testing.T) { sputniktest.Block(t, newTicker) }
//
//	func TestPlugIn(t *testing.T) { sputniktest.Connector(t, newPlugIn) }
//
// [Block] and [Connector] are conformance kits: each makes every trouble that a process can make, and checks what
// sputnik promises to others on the block's or connector's behalf. Each check is a subtest with a name of its own. One
// mistake fails one check; its message says what was wrong, which guarantee that offends, and what to do.
//
// # A process under test
//
//	func TestTickerSendsToUplink(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			var uplink sputniktest.Recorder
//			f := sputniktest.New(t).Add("uplink", uplink.Factory).Add("ticker", newTicker).Launch()
//			uplink.AwaitMessages(t, 3)
//			if err := f.Stop(); err != nil {
//				t.Error(err)
//			}
//		})
//	}
//
// A [Flight] prepares and launches, waits for events without polling ([Await]), sends, shoots down, kills, and cleans
// up after a test that forgot to. [Recorder] and [Echo] are blocks to stand beside the one under test. [Server] is a
// server that does what the test says, with the plug-in that connects to it. [Signals] stands for the operating
// system's.
//
// # Bubbles
//
// Everything works in a testing/synctest bubble, where time costs nothing, and outside of one. Make everything where
// it is used: a channel that was made outside of a bubble holds up its clock, and one that was made in a bubble ends
// the program when it is used outside. So a block that keeps channels in package variables can't be tested in bubbles,
// nor can one that uses a real network: [WithRealTime] is for those.
package sputniktest
