package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const patience = 30 * time.Second // a test that waits longer has failed

// browser is one for all tests; each gets a tab in a context of its own, without the cookies of others. Nil: there is none.
var browser *session

// raced tells whether the race detector is on.
var raced bool

func TestMain(m *testing.M) { goleak.VerifyTestMain(&session{tests: m}) }

// session is a browser from before the first test to after the last.
type session struct {
	tests *testing.M
	ctx   context.Context
}

// Run implements goleak.TestingM.
func (s *session) Run() int {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // most of the time a test waits
		panic(err)
	}
	path := findBrowser()
	if path == "" || raced {
		return s.tests.Run() // every test says so
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	ctx, leave := chromedp.NewContext(allocator)
	defer leave()
	if err := chromedp.Do(ctx); err != nil {
		panic(fmt.Errorf("starting %s: %w", path, err))
	}
	s.ctx, browser = ctx, s
	return s.tests.Run()
}

func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// tab is a page in the browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	complaint []string // errors on the console, exceptions, violations of the policy
}

// open opens a tab. When the test ends, a complaint of the browser's fails it.
func open(t *testing.T) *tab {
	t.Helper()
	switch {
	case raced:
		t.Skip("the race detector has nothing to find in a page, and makes it slow")
	case browser != nil:
	case os.Getenv("SPUTNIK_BROWSER") == "required":
		t.Fatal("no browser, and SPUTNIK_BROWSER=required: install chromium")
	default:
		t.Skip("no browser: install chromium (SPUTNIK_BROWSER=required makes this a failure)")
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 2*patience)
	t.Cleanup(stop)
	p := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	p.do(chromedp.EmulateViewport(1280, 900))
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // also beside other tabs
	call(p, log.Enable, cdp.Empty{})
	call(p, audits.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	t.Cleanup(func() {
		for _, text := range p.complaints() {
			t.Errorf("the browser complains: %s", text)
		}
	})
	return p
}

func (p *tab) listen(ev any) {
	text := ""
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = fmt.Sprintf("exception: %s", e.ExceptionDetails.Text)
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text = "console: " + string(e.Type)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code != audits.InspectorIssueCodePerformanceIssue { // about what a test does
			text = fmt.Sprintf("issue: %s", e.Issue.Code)
		}
	}
	if text != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complaint = append(p.complaint, text)
	}
}

// complaints are those so far; they are told once.
func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.complaint = nil }()
	return p.complaint
}

// expect takes those complaints away that are part of the test, and fails where there is none.
func (p *tab) expect(part string) {
	p.t.Helper()
	var rest []string
	found := false
	for _, text := range p.complaints() {
		if strings.Contains(text, part) {
			found = true
		} else {
			rest = append(rest, text)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaint = append(rest, p.complaint...)
	if !found {
		p.t.Errorf("the browser should have complained: %s", part)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, steps...))
}

func call[P, R any](p *tab, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := chromedp.Call(p.ctx, cmd, params)
	require.NoError(p.t, err)
	return r
}

// get evaluates an expression in the page.
func get[T any](p *tab, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js))
	require.NoError(p.t, err, js)
	return v
}

// await waits until an expression is true. The page itself looks every 20 ms; where it makes room for another page
// meanwhile, that one is asked.
func (p *tab) await(js string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`new Promise(done => { const look = () => (%s) ? done(true) : setTimeout(look, 20); look(); })`, js), chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			require.Fail(p.t, "never true: "+js, get[string](p, `document.body.innerText`))
		}
		if _, gone := errors.AsType[*cdproto.Error](err); !gone {
			require.NoError(p.t, err, js)
		}
	}
}

// prefer sets what the user prefers, as in prefer("prefers-color-scheme", "dark").
func (p *tab) prefer(name, value string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
}

// press presses a key.
func (p *tab) press(key string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(modifiers...)))
}

// text is what a person sees of an element.
func (p *tab) text(id string) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf(`document.getElementById(%q).innerText`, id))
}
