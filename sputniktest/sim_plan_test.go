package sputniktest_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik"
)

// plan is all that is decided about one flight, drawn from the seed before it begins. Callbacks do what the items
// say for their n-th call, and nothing else but take a little time; so a plan without some of its items
// is a plan, too, which is how a failing one is shrunk.
type plan struct {
	seed   uint64
	blocks []blockPlan
	items  []item

	connector      connectorKind
	interval       time.Duration
	connectTimeout time.Duration
	initTimeout    time.Duration
	finishTimeout  time.Duration
	finishDelay    time.Duration
	watchdog       time.Duration
	observer       bool // a second one, with items of its own

	prepareAt time.Duration
	launchAt  time.Duration // after Prepare
	noLaunch  bool          // ShootDown in place of it
	life      time.Duration // then comes ShootDown, if nothing else has stopped the process
}

type connectorKind int

const (
	noConnector connectorKind = iota
	plainConnector
	contextConnector
	pushConnector
	connectorKinds
)

// blockPlan is one block. Its place in the plan is its slot.
type blockPlan struct {
	absent   bool // not in this flight
	spare    bool // not in the list, to be added while the process runs
	kind     blockKind
	method   bool // by BlockOf
	msg      bool // has OnMsg
	linked   bool // has connection callbacks
	attach   bool
	serial   bool
	quick    bool // callbacks take no time
	capacity int
	overflow sputnik.Overflow
	limit    time.Duration // of its finish
	restart  sputnik.RestartPolicy
}

type blockKind int

const (
	runFinish blockKind = iota
	runContext
	runContextFinish
	blockKinds
)

// call is a callback, or one of the other places where items are due.
type call int

const (
	callInit call = iota
	callAttach
	callRun
	callMsg
	callConnect
	callDisconnect
	callFinish
	callFlush // Run, after its context has ended
	callServerConnect
	callServerAlive
	callServerBroken
	callServerDisconnect
	callObserve
	callStep // a goroutine of the host
	calls
)

func (c call) String() string {
	return [...]string{
		"Init", "Attach", "Run", "OnMsg", "OnServerConnect", "OnServerDisconnect", "Finish", "flush",
		"Connect", "IsConnected", "Broken", "Disconnect", "observer", "step",
	}[c]
}

// item is one deed at one place.
type item struct {
	id    int
	slot  int // of the block that does it, or whose handle is used
	call  call
	nth   int // which call of it, from 0; every one where negative
	after time.Duration
	do    deed
	to    int
	count int
	gap   time.Duration
	reply replyKind
	then  int // the block that a request is sent on to
}

type deed int

const (
	doSleep deed = iota
	doPanic
	doGoexit
	doError // refuse, for a server
	doHang
	doReturn
	doSend
	doFinishMsg
	doShootDown
	doCancel
	doSignal
	doStatus
	doLaunch
	doBreak // the server pushes the loss of its connection
	doRequest
	doBroadcast
	doAdd
	doRemove
)

func (d deed) String() string {
	return [...]string{
		"sleep", "panic", "Goexit", "error", "hang", "return", "send", "FinishMsg", "ShootDown", "cancel", "signal",
		"Status", "Launch", "break", "request", "broadcast", "add", "remove",
	}[d]
}

// The slots of those that are no blocks.
const (
	serverSlot = -1 - iota
	observerSlot
)

func (p *plan) at(slot int, c call, n int) (due []item) {
	for _, it := range p.items {
		if (it.slot == slot || slot < 0) && it.call == c && (it.nth == n || it.nth < 0) {
			due = append(due, it)
		}
	}
	return due
}

// changes tells whether blocks come, go or start anew while the process runs.
func (p *plan) changes() bool {
	for _, it := range p.items {
		if it.do == doAdd || it.do == doRemove {
			return true
		}
	}
	for _, b := range p.blocks {
		if !b.absent && b.restart.When != sputnik.RestartNever {
			return true
		}
	}
	return false
}

// comesOrGoes tells whether there may be more than one block of this name in the course of a flight.
func (p *plan) comesOrGoes(slot int) bool {
	if p.blocks[slot].spare {
		return true
	}
	for _, it := range p.items {
		if it.do == doRemove && it.to == slot {
			return true
		}
	}
	return false
}

func resp(slot int) string { return fmt.Sprintf("b%d", slot) }

func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connector %d every %v, limits: connect %v, Init %v, finish %v after %v; watchdog %v; Prepare at %v, launch %v later (never: %v), life %v, second observer %v\n",
		p.connector, p.interval, p.connectTimeout, p.initTimeout, p.finishTimeout, p.finishDelay, p.watchdog, p.prepareAt, p.launchAt, p.noLaunch, p.life, p.observer)
	for i, bp := range p.blocks {
		if !bp.absent {
			fmt.Fprintf(&b, "%s %+v\n", resp(i), bp)
		}
	}
	for _, it := range p.items {
		fmt.Fprintf(&b, "item %d: ", it.id)
		switch it.call {
		case callStep:
			fmt.Fprintf(&b, "at %v, by the handle of %s", it.after, resp(it.slot))
		case callServerConnect, callServerAlive, callServerBroken, callServerDisconnect, callObserve:
			fmt.Fprintf(&b, "%v number %d, after %v", it.call, it.nth, it.after)
		default:
			fmt.Fprintf(&b, "%s %v number %d, after %v", resp(it.slot), it.call, it.nth, it.after)
		}
		fmt.Fprintf(&b, ": %v, to %s, %d times every %v", it.do, resp(it.to), it.count, it.gap)
		if it.do == doRequest {
			fmt.Fprintf(&b, ", answered %v by %s", it.reply, resp(it.then))
		}
		b.WriteString("\n")
	}
	return b.String()
}
