package sputniktest_test

// What the oracle lets pass although the guarantees say otherwise. Each goes when the library holds it.
const (
	// A block with more failures than its part of the error has room for isn't named as abandoned, nor are its
	// messages as unhandled (G7, G13).
	toleratedFullFaults = false
	// What a block accepted before its Attach hung is neither counted as dead nor reported (G13).
	toleratedHungAttach = false
	// A request that waits in the mailbox of a block that stays down after a failure isn't failed before that block's turn in the finish.
	toleratedDownRequests = false
	// When the finish is cut short, a block without Finish hears of the connection after its Run returned, until
	// its turn comes (G5).
	toleratedNewsAfterRun = false
)

// maxFaults is how many failures of one block an error has room for.
const maxFaults = 8
