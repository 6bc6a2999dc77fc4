package sputniktest

import "github.com/sputnik-go/sputnik"

// Communicator returns the handle of the harness's own block, which stands behind all others. By it a test finds and
// asks blocks as a block does. The process must be prepared.
func (f *Flight) Communicator() sputnik.BlockCommunicator {
	f.tb.Helper()
	if f.p.probe == nil {
		f.tb.Fatalf("sputniktest: Communicator before Prepare or Launch")
	}
	return f.p.probe
}

// Send sends msg to the block of this responsibility and tells whether it was accepted. It may be called as soon as
// the process is prepared, and after its end. An unknown responsibility fails the test.
func (f *Flight) Send(resp string, msg sputnik.Msg) bool {
	f.tb.Helper()
	if f.p.probe == nil {
		f.tb.Errorf("sputniktest: Send before Prepare or Launch")
		return false
	}
	to, ok := f.p.probe.Communicator(resp)
	if !ok {
		f.tb.Errorf("sputniktest: Send: no block %q", resp)
		return false
	}
	return to.Send(msg)
}
