package sputniktest_test

// What the oracle lets pass although the guarantees say otherwise. Each goes when the library holds it.
const (
	// A circle that closes again through a wait that was part of one before isn't told.
	toleratedSecondCircle = true
)
