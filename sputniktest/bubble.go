package sputniktest

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing/synctest"

	"go.uber.org/goleak"
)

// currentBubble returns the number of the synctest bubble that the calling goroutine is in, and "" outside.
// The header of a goroutine's stack is the one place that says so without a side effect.
func currentBubble() string {
	buf := make([]byte, 128)
	header, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	_, bubble := parseHeader(header)
	return bubble
}

var (
	headerPattern  = regexp.MustCompile(`^goroutine (\d+) [^\[]*\[[^\]]*?(?:, synctest bubble (\d+))?\]`)
	creatorPattern = regexp.MustCompile(` in goroutine \d+`)
)

// parseHeader takes "goroutine 7 [running, synctest bubble 1]:" apart.
func parseHeader(header string) (id, bubble string) {
	m := headerPattern.FindStringSubmatch(header)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

// watch tells which goroutines are new since it was made. In a bubble it sees those of the bubble, and needs no
// patience; outside it sees those of the whole program, by goleak.
type watch struct {
	bubble string
	known  map[string]bool
	ignore goleak.Option
}

func newWatch() watch {
	w := watch{bubble: currentBubble(), known: map[string]bool{}}
	if w.bubble == "" {
		w.ignore = goleak.IgnoreCurrent()
		return w
	}
	w.each(func(id, _ string) { w.known[id] = true })
	return w
}

// leaked returns the stacks of the new goroutines, "" if there are none. It is called on the goroutine that made
// the watch; in a bubble nobody else may call synctest.Wait then.
func (w watch) leaked() string {
	if w.bubble == "" {
		if err := goleak.Find(w.ignore); err != nil {
			return err.Error()
		}
		return ""
	}
	synctest.Wait()
	var stacks []string
	count := map[string]int{}
	w.each(func(id, stack string) {
		if w.known[id] {
			return
		}
		_, stack, _ = strings.Cut(strings.TrimSpace(stack), "\n") // without the number
		stack = creatorPattern.ReplaceAllString(stack, "")
		if count[stack]++; count[stack] == 1 {
			stacks = append(stacks, stack)
		}
	})
	for i, stack := range stacks {
		stacks[i] = fmt.Sprintf("%d of this kind:\n%s", count[stack], stack)
	}
	return strings.Join(stacks, "\n\n")
}

// each visits the goroutines of the bubble.
func (w watch) each(visit func(id, stack string)) {
	buf := make([]byte, 1<<16)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	for stack := range bytes.SplitSeq(buf[:n], []byte("\n\n")) {
		header, _, _ := strings.Cut(string(stack), "\n")
		if id, bubble := parseHeader(header); id != "" && bubble == w.bubble {
			visit(id, string(stack))
		}
	}
}
