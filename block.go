package sputnik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik/internal/adopt"
)

// ConfFactory gives a block its configuration: it fills result, a pointer to the block's own
// struct, with what is configured under confName. What result already holds are the defaults.
// An error that wraps fs.ErrNotExist says that nothing is configured under that name.
//
// A block that has defaults for everything lets that error pass. The factory may be kept and called later, so
// it must be safe for concurrent use. [NewConfFactory] makes a ready one; Init gets it by way of [ConfFor].
type ConfFactory func(confName string, result any) error

// ServerConfiguration is whatever the server's plug-in reads by means of a [ConfFactory].
type ServerConfiguration = any

// ServerConnection is whatever a [ServerConnector] returns from Connect. It is an alias, so callbacks may
// be declared with either type.
type ServerConnection = any

// Msg is a message between blocks. Sender and receiver agree on its content; keys that begin with
// "__" are reserved.
//
// Ownership passes with Send: the sender must not touch an accepted message again, and sputnik does
// not copy it, nor keep or read it after OnMsg returned (G14), so that the receiver may pool it.
type Msg map[string]any

// BlockDescriptor identifies a block: Name says which factory makes it, Responsibility tells this
// instance from all others of the process. The responsibilities "initiator" and "connector" are reserved.
type BlockDescriptor struct {
	Name           string
	Responsibility string
}

// String returns the responsibility in quotes, and the name where that is another one.
func (d BlockDescriptor) String() string {
	if d.Name == d.Responsibility {
		return fmt.Sprintf("%q", d.Responsibility)
	}
	return fmt.Sprintf("%q (%s)", d.Responsibility, d.Name)
}

// The callbacks of a block. Each is guarded: a panic or runtime.Goexit becomes an error that names the
// block and the callback (G11).
type (
	// Init reads the configuration and acquires what the block needs. It is called once for each instance of the block:
	// at the start of the process before any Run, on the goroutine of initialisation, in the order of the block list
	// (G1), and an error takes the process down again (G2); for a block that is added ([AddBlock]) or restarted
	// ([WithRestart]) beside the others that run. Finish of the instance that failed is not called. Don't work with
	// the server here: wait for OnServerConnect.
	Init func(cf ConfFactory) error

	// Run is the block's main goroutine, started once for each instance: at the start after every Init succeeded, else
	// after its own (G3). It may return early; the block then lives on by its other callbacks.
	Run func(communicator BlockCommunicator)

	// Finish releases what the block holds and makes Run return. It is called once for each instance whose Init
	// succeeded, unless its Attach hangs.
	// init is true when Run was never started, because another Init or an Attach failed (then it runs on the goroutine
	// of initialisation, G2) or because of a stop before the launch. Else it runs on a goroutine of its own,
	// after the mailbox has been emptied, or has been paused for a restart (G5).
	Finish func(init bool)

	// OnServerConnect tells the block of a new connection, on a goroutine of its own, at the same time as Run and
	// OnMsg unless there is [WithSerialCallbacks]; see G16 for the order. All blocks share the connection,
	// and it is the plug-in's to close.
	OnServerConnect func(connection ServerConnection)

	// OnServerDisconnect tells the block that the connection of the last OnServerConnect is gone. It isn't called
	// at the end of the process: there the connection still stands while the block finishes (G18).
	OnServerDisconnect func()

	// OnMsg receives the messages sent to the block one by one, on one goroutine (G12).
	OnMsg func(msg Msg)
)

// Block is what a factory makes: a set of callbacks. It is not changed after NewBlock and holds no state of a flight.
type Block struct {
	init         Init
	run          Run
	runContext   func(ctx context.Context, bc BlockCommunicator) error
	attach       func(bc BlockCommunicator)
	finish       Finish
	onConnect    OnServerConnect
	onDisconnect OnServerDisconnect
	onMsg        OnMsg

	shape
	restart       *RestartPolicy // nil: never; see policy
	finishTimeout time.Duration  // 0: a share of the process's
	watchdog      time.Duration  // 0: the process's
	faults        *[]error       // misuse of options, reported by Prepare; nil: none

	// bind hands the flight to the library's own blocks, before any Init.
	bind func(u *unit)
}

// shape is what all instances of a block have to have in common, as the mailbox is made but once.
type shape struct {
	serial   bool
	overflow Overflow
	capacity int // of the mailbox; 0: unbounded
}

// policy is the same for all instances, too.
func (b *Block) policy() RestartPolicy { return *cmp.Or(b.restart, new(RestartPolicy)) }

// BlockOption sets one callback or property of a block.
type BlockOption func(b *Block)

// NewBlock makes a block of its callbacks. Init is mandatory, and either Run with Finish or
// [WithRunContext]. What is missing or contradictory is reported by Prepare, with all other faults
// of the set-up.
func NewBlock(opts ...BlockOption) *Block {
	b := new(Block)
	for i, opt := range opts {
		if opt == nil {
			b.fault("block option %d is nil", i+1)
			continue
		}
		opt(b)
	}
	return b
}

// WithInit sets the Init callback. Mandatory.
func WithInit(f Init) BlockOption { return func(b *Block) { b.init = f } }

// WithRun sets the Run callback. Mandatory, unless [WithRunContext] is used.
func WithRun(f Run) BlockOption { return func(b *Block) { b.run = f } }

// WithRunContext sets a Run that obeys a context, in place of [WithRun]. The context ends when the block's mailbox
// has been emptied during its finish, or after three quarters of the block's time; context.Cause says why. An error
// other than the context's own is a failure of the block, which stops the process or restarts the block
// ([WithRestart]); with it the context ends at once. A block with it needs no Finish and no stop channel. Without
// Finish, Run may go on to flush after the end of the context, within the block's time ([FlushContext]), and the block
// hears of the connection until it returns.
func WithRunContext(f func(ctx context.Context, bc BlockCommunicator) error) BlockOption {
	return func(b *Block) { b.runContext = f }
}

// WithAttach sets a callback that gets the block's communicator after all Inits and before any Run, on the
// goroutine of initialisation. OnMsg thus never meets a field that Run has not yet set.
func WithAttach(f func(bc BlockCommunicator)) BlockOption { return func(b *Block) { b.attach = f } }

// WithFinish sets the Finish callback. Mandatory, unless [WithRunContext] is used.
func WithFinish(f Finish) BlockOption { return func(b *Block) { b.finish = f } }

// WithOnConnect sets the OnServerConnect callback; the process then needs [WithConnector].
func WithOnConnect(f OnServerConnect) BlockOption { return func(b *Block) { b.onConnect = f } }

// WithOnDisconnect sets the OnServerDisconnect callback; the process then needs [WithConnector].
func WithOnDisconnect(f OnServerDisconnect) BlockOption {
	return func(b *Block) { b.onDisconnect = f }
}

// WithOnMsg sets the OnMsg callback. Without it, nothing can be sent to the block.
func WithOnMsg(f OnMsg) BlockOption { return func(b *Block) { b.onMsg = f } }

// WithSerialCallbacks lets OnServerConnect, OnServerDisconnect and OnMsg come one after another on
// one goroutine, connection news ahead of queued messages. Then none of them needs a lock against
// the others; but an OnMsg that waits for a connection waits for ever.
func WithSerialCallbacks() BlockOption { return func(b *Block) { b.serial = true } }

// WithMailbox bounds the block's mailbox to capacity waiting messages (at least 1; the one that OnMsg
// is working on doesn't count) and says what becomes of a message that finds it full.
// Without this option the mailbox is unbounded.
func WithMailbox(capacity int, overflow Overflow) BlockOption {
	return func(b *Block) {
		if capacity < 1 {
			b.fault("WithMailbox: capacity %d: must be at least 1", capacity)
		}
		if overflow != Reject && overflow != DropOldest && overflow != Wait {
			b.fault("WithMailbox: unknown %v: use Reject, DropOldest or Wait", overflow)
		}
		b.capacity, b.overflow = capacity, overflow
	}
}

// WithBlockFinishTimeout limits the finish of this block; at most three quarters of it are spent on emptying
// its mailbox. Without it the block gets half of what is left of the process's limit ([WithFinishTimeout]);
// the last one gets all but a reserve of up to 3 s for the connector.
func WithBlockFinishTimeout(d time.Duration) BlockOption {
	return blockLimit("WithBlockFinishTimeout", d, func(b *Block) *time.Duration { return &b.finishTimeout })
}

func blockLimit(name string, d time.Duration, field func(*Block) *time.Duration) BlockOption {
	return func(b *Block) {
		if d <= 0 {
			b.fault("%s: %v: must be positive", name, d)
		}
		*field(b) = d
	}
}

// BlockOf makes a block of a value with methods, so that it needs no list of callbacks:
//
//	Init(ConfFactory) error                      // mandatory
//	Run(BlockCommunicator)                       // mandatory, or
//	Run(context.Context, BlockCommunicator) error
//	Finish(init bool)                            // mandatory with the first form of Run
//	Attach(BlockCommunicator)
//	OnServerConnect(ServerConnection)
//	OnServerDisconnect()
//	OnMsg(Msg)
//
// A method with one of these names and another signature is a fault. Options are applied afterwards.
func BlockOf(impl any, opts ...BlockOption) *Block {
	return NewBlock(append([]BlockOption{func(b *Block) { b.adopt(impl) }}, opts...)...)
}

func (b *Block) adopt(impl any) {
	for _, wrong := range adopt.Methods(impl, "a block",
		adopt.As(func(x interface{ Init(cf ConfFactory) error }) { b.init = x.Init }),
		adopt.As(func(x interface{ Run(bc BlockCommunicator) }) { b.run = x.Run }),
		adopt.As(func(x interface {
			Run(ctx context.Context, bc BlockCommunicator) error
		},
		) {
			b.runContext = x.Run
		}),
		adopt.As(func(x interface{ Finish(init bool) }) { b.finish = x.Finish }),
		adopt.As(func(x interface{ Attach(bc BlockCommunicator) }) { b.attach = x.Attach }),
		adopt.As(func(x interface{ OnServerConnect(conn ServerConnection) }) { b.onConnect = x.OnServerConnect }),
		adopt.As(func(x interface{ OnServerDisconnect() }) { b.onDisconnect = x.OnServerDisconnect }),
		adopt.As(func(x interface{ OnMsg(msg Msg) }) { b.onMsg = x.OnMsg }),
	) {
		b.fault("BlockOf: %w", wrong)
	}
}

func (b *Block) fault(format string, args ...any) {
	b.faults = cmp.Or(b.faults, new([]error))
	*b.faults = append(*b.faults, fmt.Errorf(format, args...))
}

// check returns what is missing or contradictory. app tells that it is to be a block of the application's.
func (b *Block) check(connected, app bool) []error {
	faults := slices.Clone(*cmp.Or(b.faults, new([]error)))
	miss := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New(text))
		}
	}
	miss(b.init == nil, "no Init callback: use WithInit")
	miss(b.run == nil && b.runContext == nil, "no Run callback: use WithRun or WithRunContext")
	miss(b.run != nil && b.runContext != nil, "both WithRun and WithRunContext: use one")
	miss(b.finish == nil && b.runContext == nil, "no Finish callback: use WithFinish, or WithRunContext in place of WithRun")
	miss(!connected && b.linked(), "connection callbacks without a connector: use WithConnector")
	miss(b.onMsg == nil && b.capacity > 0, "WithMailbox without an OnMsg callback")
	miss(b.bind != nil && app, "it is the library's own, not an application block")
	return faults
}

// linked tells whether the block wants to hear of the connection.
func (b *Block) linked() bool { return b.onConnect != nil || b.onDisconnect != nil }
