package sputniktest

import (
	"testing"

	"github.com/sputnik-go/sputnik"
)

// WithOutage gives a way to take the server away from the connector under test: down breaks its connection and
// makes Connect fail, up ends that. Without it, the checks of broken connections are skipped.
func WithOutage(down, up func()) Option { return func(k *kit) { k.down, k.up = down, up } }

// WithMute gives a way to make the server accept connections and say nothing, so that Connect has to wait; unmute ends
// that. It is for connectors with ConnectContext.
func WithMute(mute, unmute func()) Option {
	return func(k *kit) { k.mute, k.unmute = mute, unmute }
}

// WithCycles sets how often the kit connects and disconnects; see [DefaultCycles].
func WithCycles(n int) Option { return func(k *kit) { k.cycles = n } }

// Connector checks a plug-in against what [sputnik] expects of it, in subtests:
//
//	factory                  each call of newConnector makes another one, and starts nothing
//	connect                  Connect, IsConnected, Disconnect: no error, no panic
//	calls return             ... each within the limit ([WithLimit])
//	no goroutine left        ... and nothing stays after Disconnect
//	cycles                   again and again ([WithCycles])
//	connect obeys context    ConnectContext returns when its context ends ([WithMute])
//	quiet while connected    Broken says nothing about a connection that stands
//	quiet after reconnect    ... nor about a new one when an old one is gone
//	refused                  no server: an error, and a connect later ([WithOutage])
//	break is seen            IsConnected turns false
//	break is pushed          Broken says so
//	disconnect after break   Disconnect works on a broken connection, and leaves nothing
//	reconnect after break    Connect works after it
//
// The optional interfaces ([sputnik.ContextConnector], [sputnik.PushConnector]) are checked where they are implemented.
// In a bubble newConnector is called there, so a pretended server (over net.Pipe, say) is best made by it. For a real one,
// use [WithRealTime]. A mistake fails the check that names it, and only that.
func Connector(t *testing.T, newConnector func() sputnik.ServerConnector, opts ...Option) {
	t.Helper()
	newConnectorKit(newConnector, opts...).run(t)
}

func newConnectorKit(newConnector func() sputnik.ServerConnector, opts ...Option) *kit {
	k := newKit(opts)
	k.connector = newConnector
	k.checks = append(plugInChecks(), outageChecks()...)
	return k
}

func plugInChecks() []check {
	return []check{
		{
			name: "factory", vital: true, kinds: anything, phase: inFactory, judge: firstConnect,
			offends: "each process has a plug-in of its own, which does nothing before Connect",
			advice:  "return a new value each time, and dial in Connect",
		},
		{
			name: "connect", vital: true, kinds: failure, phase: inFlight, judge: firstConnect,
			offends: "G15, G17: Connect, IsConnected and Disconnect come in this order, and IsConnected is true between",
			advice:  "see the error; give the configuration by WithConf; connect fully before Connect returns nil",
		},
		{
			name: "calls return", vital: true, kinds: lateness, phase: inFlight, judge: firstConnect,
			offends: "G15: each call has a limit, and holds up all others",
			advice:  "give the server a limit in each call; let IsConnected look at what is known, rather than ask",
		},
		{
			name: "no goroutine left", kinds: leak, phase: inFlight, judge: firstConnect,
			offends: "G10: after Disconnect nothing of the connection is left",
			advice:  "close in Disconnect what Connect has opened, and await its goroutines",
		},
		{
			name: "cycles", kinds: anything, judge: checkCycles,
			offends: "G17: connect and disconnect alternate for as long as the process lives",
			advice:  "make in Connect what Disconnect closes; nothing is for the first connection only",
		},
		{
			name: "connect obeys context", kinds: anything, judge: checkContext,
			offends: "G15: the context of ConnectContext ends the attempt, so that it holds up nothing",
			advice:  "dial by it (net.Dialer.DialContext), make every later wait end with it, and close what is half open",
		},
		{
			name: "quiet while connected", kinds: anything, judge: checkQuiet,
			offends: "a value on the channel of Broken, or its close, says that the connection is broken",
			advice:  "send or close only when the connection breaks",
		},
		{
			name: "quiet after reconnect", kinds: anything, judge: checkQuietAgain,
			offends: "Broken tells of the connection of the last Connect, not of one before",
			advice:  "make a new channel in each Connect",
		},
	}
}

func outageChecks() []check {
	return []check{
		{
			name: "refused", kinds: anything, judge: checkRefused,
			offends: "G15: an attempt that fails returns an error, and another one follows",
			advice:  "check the error of the dial, return it, and leave nothing half made",
		},
		{
			name: "break is seen", kinds: anything, only: []string{"break not seen"}, judge: checkBreak,
			offends: "the heartbeat: IsConnected is false when the connection is broken",
			advice:  "note in the reader, or by a ping with a limit, that the connection is gone",
		},
		{
			name: "break is pushed", kinds: anything, only: []string{"break not pushed"}, judge: checkPush,
			offends: "Broken says that this connection is broken now",
			advice:  "send to the channel, which has room for one, or close it, where the reader ends",
		},
		{
			name: "disconnect after break", kinds: anything, judge: checkBreak,
			offends: "G17: a broken connection is disconnected, too",
			advice:  "let Disconnect work on whatever is left, wait for nothing that the server should say, and await what Connect started",
		},
		{
			name: "reconnect after break", kinds: anything, judge: checkReconnect,
			offends: "G15, G17: after a break, Disconnect, and then Connect until it succeeds",
			advice:  "make everything anew in Connect",
		},
	}
}
