package sputniktest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

// asUser names the tests below that fail on purpose, in a process of their own.
const asUser = "SPUTNIKTEST_AS_USER"

// play runs one of those, and returns what its user sees.
func play(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestUser$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), asUser+"="+name, "GORACE=atexit_sleep_ms=0") // else the detector adds a second
	out, err := cmd.CombinedOutput()
	require.Error(t, err, string(out))
	return string(out)
}

func TestUser(t *testing.T) {
	switch name := os.Getenv(asUser); name {
	case "":
		t.Skip("for the tests below")
	case "leak":
		Block(t, func() *sputnik.Block {
			return with(sputnik.WithOnMsg(func(sputnik.Msg) { go func() { <-make(chan struct{}) }() }))()
		}, WithMessages(lines))
	case "unknown check":
		Block(t, with(), Without("no such check", ""))
	case "unseen leak":
		k := newBlockKit(with())
		k.checks = []check{{name: "blind", kinds: anything, judge: func(*scene) { go func() { <-make(chan struct{}) }() }}}
		k.run(t)
	case "outside":
		outside := make(chan struct{})
		k := newBlockKit(with(sputnik.WithFinish(func(bool) { <-outside })))
		k.stuckAfter = 1
		k.run(t)
	default:
		t.Fatal("unknown name: ", name)
	}
}

func TestUserSeesWhatIsWrong(t *testing.T) {
	out := play(t, "leak")
	for _, says := range []string{
		"--- FAIL: TestUser/messages", "goroutines are left after the flight", "userview_test.go",
		"what it offends: G11, G13", "what to do: ", "--- SKIP: TestUser/early_messages",
	} {
		assert.Contains(t, out, says)
	}
	assert.NotContains(t, out, "panic:")
	assert.Equal(t, 1, strings.Count(out, "--- FAIL: TestUser/"), out)
}

func TestUserSeesUnknownCheck(t *testing.T) {
	assert.Contains(t, play(t, "unknown check"), `there is no check "no such check"`)
}

func TestUserSeesThatTheClockStands(t *testing.T) {
	assert.Contains(t, play(t, "outside"), "the clock of a bubble stands still")
}

func TestUserSeesWhatOnlyTheBubbleSaw(t *testing.T) {
	assert.Contains(t, play(t, "unseen leak"), "the bubble can't end: deadlock")
}
