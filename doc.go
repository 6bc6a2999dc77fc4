// Package sputnik is the life cycle of a sidecar process: ordered start, connect / heartbeat /
// reconnect, messages between blocks, shutdown in reverse, and a straight answer to "why did it stop".
// It has no opinion on the server, the wire format or the payload. It is not a dependency injection
// container, not an actor system, and not a supervisor of other processes.
//
// A process is a list of blocks. A block is a set of callbacks, made by a factory that is registered
// under the block's name, usually in an init function of a package that the program imports blank. Which blocks
// run is data: a list of descriptors. This is a complete sidecar:
//
//	func init() {
//		sputnik.RegisterBlockFactory("greeter", func() *sputnik.Block { return sputnik.BlockOf(new(greeter)) })
//	}
//
//	type greeter struct{ Every time.Duration }
//
//	func (g *greeter) Init(cf sputnik.ConfFactory) error {
//		g.Every = time.Second // the default, laid under what is configured
//		if err := cf("greeter", g); !errors.Is(err, fs.ErrNotExist) {
//			return err // nil, or a fault; to be configured nowhere is fine
//		}
//		return nil
//	}
//
//	func (g *greeter) Run(ctx context.Context, bc sputnik.BlockCommunicator) error {
//		for tick := time.NewTicker(g.Every); ; {
//			select {
//			case <-tick.C:
//				bc.Send(sputnik.Msg{"text": "hello"})
//			case <-ctx.Done():
//				return nil
//			}
//		}
//	}
//
//	func (g *greeter) OnMsg(msg sputnik.Msg) { fmt.Println(msg["text"]) }
//
//	func main() {
//		conf, err := sputnik.NewConfFactory(sputnik.ConfSources{Environ: os.Environ()}) // GREETER_EVERY=2s
//		if err == nil {
//			err = sputnik.Fly(sputnik.WithConfFactory(conf),
//				sputnik.WithAppBlocks([]sputnik.BlockDescriptor{{Name: "greeter", Responsibility: "greeter"}}),
//				sputnik.WithLogger(slog.Default()))
//		}
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
// # The parts
//
// The initiator creates and initialises all blocks in order, launches them, takes control messages, and finishes
// them in reverse. The finisher turns SIGINT and SIGTERM into an orderly finish; a host may replace it
// ([WithFinisher]). The connector drives a plug-in ([ServerConnector]) through connect, heartbeat
// and reconnect ([WithConnector]). A block's communicator ([BlockCommunicator]) finds other blocks by
// their responsibility and sends to them. All else is the application's.
//
// # The life of a process
//
//	 NewSputnik      Prepare                    launch                    stop
//	new ──────▶ preparing ──────────▶ prepared ──────────▶ running ──────────▶ finishing ──────▶ finished
//	            │  Init, Init, ...      │                   Run, Run, ...      Finish, Finish, ...
//	            │  (finisher, connector,│                   connect            in reverse; then the
//	            │   blocks as listed)   │                   messages           connector; the finisher
//	            │                       │                                        ▲
//	            └─ Init fails, or stop ─┴──────────── stop: Finish(true) ────────┘
//
// A stop is a signal, [ShootDown], [FinishMsg], the end of the context of [WithContext], or the failure of a
// block that isn't restarted; the first one wins, at any moment.
//
// # The life of a block
//
//	                                            ┌─ Run of the next ── restarting ◀─┐
//	                                            ▼     instance                     │ WithRestart
//	created ── Init ──▶ initialised ── Run ──▶ running ── a callback fails ──▶ failed
//	   │                     │                    │                               │
//	   │ Init fails          │ stop, or another   │ its turn, or                  │ its turn
//	   ▼                     ▼ block's Init fails ▼ RemoveBlock                   │
//	failed               finishing ◀──────────────┴───────────────────────────────┘
//	(no Finish)              │  mailbox closed, what it accepted is handled; context ends;
//	                         │  Finish; Run and all callbacks are awaited
//	                         ├──▶ finished
//	                         └──▶ abandoned: its time was up; its goroutines are in the error
//
// An Init or Attach that overruns its limit makes the block abandoned at once; blocks behind it stay created.
//
// # Requests
//
// [Request] sends a message and waits for its answer, [Reply] answers it: now or later, from any goroutine, or from
// another block that the message was sent on to. A request that can't be answered any more fails at once, and its
// [RequestError] says why; only a block that lives and keeps silent is waited for, until the context ends. A request
// leaves a key in its message: clear a pooled one before it is used again. [Broadcast] sends each block a copy. Who
// sends or asks is known by the handle: a block uses its own only.
//
// # Blocks at run time
//
// [AddBlock] brings another block up while the process runs, [RemoveBlock] finishes one; changes are made one after
// another. An added block is a block as any other: with the guarantees below, the last of the list, so the first to
// finish.
//
// # Restarts
//
// [WithRestart] replaces a block that failed by a new instance, made by its factory: Init, Attach, Run, what is
// queued, the current connection. Handles on the block stay good, the mailbox accepts all the while, and its
// figures go on. Only the message that failed isn't delivered again. The factory must make a block of its own each
// time: what an instance keeps elsewhere, the next one finds. Too many restarts stop the process with a
// [RestartError], which wraps the first failure within the window. A block that is about to be restarted when the
// process stops accepts messages until its turn to finish; one last instance is made if any wait.
//
// # Guarantees
//
// Each has at least one test of its name (TestG4...).
//
// Order:
//
//   - G1 Blocks are created, and then initialised, one after another: finisher, connector, then application
//     blocks as listed, all on one goroutine that Prepare waits for. Everything wrong with the set-up is
//     reported at once, before any Init.
//   - G2 When an Init errors, panics, calls Goexit, overruns its limit ([WithInitTimeout]) or is met by a
//     stop, no later Init runs, the initialised blocks get Finish(true) in reverse order with a fresh
//     budget, and Prepare's error names block, position and cause. The failed block's Finish is not called. A block
//     that [AddBlock] can't bring up is rolled back alone. In a restart a failure counts as one more, and an Init or
//     Attach that overruns its limit stops the process.
//   - G3 No Run starts before every Init (and Attach) succeeded; each is called once, on its own goroutine. Of an added
//     block, and of each instance of a block that restarts, Run follows its own Init and Attach.
//   - G4 Blocks finish in strictly reverse order, one at a time, the next only when the previous has finished or was
//     abandoned; then the connector disconnects; then the finisher. With sinks listed first, shutdown loses nothing,
//     as long as the time suffices. An added block is the last of the list. A removal in progress comes to its end
//     first.
//   - G5 The finish of one block: its mailbox closes, what was accepted is handled (in three quarters of the
//     block's time; the rest is reported), its context ends, Finish(false) runs on a goroutine of its own,
//     Run and callbacks are awaited. No callback begins after Finish began; where there is no Finish, none
//     begins after Run returned. A removed block finishes in the same way. So does an instance before the next one is
//     made, but its mailbox stays open, and what is queued waits for the next one. Callbacks of two instances never
//     run at once.
//
// Stop:
//
//   - G6 One sticky trigger, first cause wins, honoured at any moment before, during and after Prepare and launch.
//     Launch and ShootDown are idempotent and may be called from any goroutine.
//   - G7 launch returns within the finish limit ([WithFinishTimeout]) plus two seconds at most, whatever blocks do.
//     A block that overruns its share is abandoned: named in the error with the stacks of its own
//     goroutines; the others still finish in order. So is an instance that doesn't make room for the next one, which
//     stops the process, and a block that hangs in its removal.
//   - G8 launch returns nil after a clean finish, else one error for errors.Is and errors.As: the cause first, then
//     block by block what failed, was abandoned, or was left unhandled ([FlightError]). A failure that a restart has
//     cured isn't in it. What a removal met is in the error of [RemoveBlock]; one that hangs is in both. So is an Init
//     that hangs in [AddBlock].
//   - G9 A second signal ends the waiting: every context ends, the remaining blocks share a short limit, and
//     launch's error says "forced" ([ErrForced]). Signals within 250 ms of the first count as one.
//   - G10 After launch has returned, no goroutine of the library is left, except those abandoned and named, and that
//     of a factory that hung in [AddBlock] or in a restart: it is told of only there.
//
// Failures:
//
//   - G11 Every callback is guarded: a panic or Goexit becomes an error with block, callback, value
//     and stack. In Init it rolls back; in Finish it is recorded; elsewhere it finishes the process in order, or
//     restarts the block ([WithRestart]), until that happens too often: then the first failure within the window is
//     the cause. What the block's mailbox accepted is still handled; of a block that has restarted too often, it is
//     reported. In a call of the connector's plug-in it is a failed attempt, or a broken connection.
//
// Messages:
//
//   - G12 OnMsg is called sequentially, in FIFO order for each sender, on one goroutine, never before the block's Run
//     was started. A restart doesn't change the order. Send from any goroutine, the block's own included, never
//     deadlocks; only blocks in a circle, by mailboxes with [Wait] or by [Request] in OnMsg, can hold each other up,
//     until a context ends or the finish comes; [WaitCycle] names them, where each uses its own handles.
//   - G13 Sent = handled + rejected + dead, over all instances. Nothing that Send accepted vanishes unreported, and
//     each Request comes back: with the answer or an error.
//   - G14 A message belongs to the receiver once Send has accepted it; sputnik doesn't copy, keep or read it after
//     OnMsg returned, so pooled messages work ([Broadcast] sends copies). Send makes no allocation for a message (when
//     it needn't wait); only the queue's storage grows.
//
// Connection:
//
//   - G15 The first attempt is at once; then comes exponential backoff with full jitter, from the given interval to
//     a cap. Every call of the plug-in has a limit and is never made twice at a time; one that hangs does
//     not hold up the finish.
//   - G16 For each block the news alternates strictly connect, disconnect, connect, ..., and is never stale: a
//     slow block gets the newest state, not the history. Connect in the order of initialisation, disconnect in
//     reverse. None before Run was started, none after Finish began. An added block, and each new instance, begins with
//     the current connection, if there is one.
//   - G17 A broken connection is disconnected before the next connect; only what was connected is disconnected.
//   - G18 During the finish the connection stays up, and is watched, until every application block is finished.
//
// Health:
//
//   - G19 Live: the engine turns; it never depends on the server. Ready: running, connected if there is a connector, no
//     block failed or restarting, not finishing. Ready turns false before anything else of the finish happens,
//     followed by an optional delay ([WithFinishDelay]).
//
// # Debugging
//
// [WithLogger] logs every transition, [WithObserver] hands it to a program, [Observe] to a block. [Sputnik.Status] and
// [StatusOf] tell at any time what each block is doing, how deep its mailbox is, and in one sentence why the process is not ready. The
// goroutines of a block carry the profiler labels "sputnik" and "block", also those that it starts by itself: look for
// them in /debug/pprof/goroutine?debug=1.
//
// What stands still is told without being asked for. The watchdog ([WithWatchdog]) tells of an OnMsg, OnServerConnect
// or OnServerDisconnect that runs for too long, with the block's own stacks: [CallbackStalled], Stalled in
// [BlockStatus], in the end [CallbackReturned]. A block that waits in Send or Request has WaitsFor in its status.
// Blocks whose OnMsg wait for each other in a circle are a [WaitCycle] the moment it closes (later only where a block
// has 64 waits or more), and in the status while it lasts.
//
// A panic, a stuck block or a finish that is cut short makes a [BlackBox] record, for observers and the logger, and
// for a file ([WithBlackBox]). It comes within a second, says why, and shows the process, every block, the last 64
// events and the stacks that matter. One that is shortened:
//
//	why:         block "decoder": OnMsg: panic: runtime error: index out of range [3] with length 3
//	process:     running for 215ms
//	not ready:   block "decoder" is being restarted: block "decoder": OnMsg: panic: [...]
//	connection:  connected for 215ms
//
//	BLOCK      STATE       FOR    QUEUED  HANDLED  REJECTED  DEAD  RESTARTS  STALLED  WAITS FOR  LAST ERROR
//	decoder    restarting  0s     1       2        -         -     -         -        -          block "decoder": [...]
//	source     running     215ms  -       -        -         -     -         -        -          -
//
//	last events, > marks trouble:
//	  11:10:35.141 INFO  ready
//	> 11:10:35.356 ERROR block failed block=decoder error=block "decoder": OnMsg: panic: [...]
//
// # Testing
//
// Everything works inside a testing/synctest bubble, so that limits, heartbeats and backoff take no real time;
// signals must then come from [WithSignals], because signal.Notify can't be used in a bubble. Package sputniktest
// has a harness for that, and checks any block and any connector in one line.
package sputnik
