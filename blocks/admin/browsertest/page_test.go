package browsertest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik"
)

var navigate = chromedp.Navigate

// cell is an expression: a cell's text in the row of a block, by the label of its column.
func cell(block, label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#rows tr')].find(r => r.querySelector('th').innerText.startsWith(%q)).querySelector('[data-label=' + CSS.escape(%q) + ']').innerText`, block, label)
}

func TestPageShowsTheProcess(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	assert.Equal(t, []string{"finisher", "connector", "admin", "nats.producer", "rules", "syslog", "http"},
		get[[]string](page, `[...document.querySelectorAll('#rows th > span:first-child')].map(e => e.textContent)`)[:7])
	page.await(cell("nats.producer", "State") + `.includes('running')`)
	page.await(cell("nats.producer", "Mailbox") + `.match(/^\d+ of 1,000\s+most \d/)`)
	page.await(`parseFloat(` + cell("nats.producer", "Messages/s") + `) > 1`)
	page.await(`document.querySelector('#rows dl.counts').textContent.match(/published\d+/)`)
	assert.Equal(t, "Ready", page.text("verdict"))
	assert.Equal(t, "connected", page.text("link"))
	assert.Equal(t, "info", page.text("loglevel"))
	page.await(`document.getElementById('history').innerText.includes('connected')`)
	assert.Contains(t, get[string](page, `document.title`), "ready")
}

func TestTroubleAppearsLive(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	p.fail(errHostile)
	page.await(cell("nats.producer", "Restarts") + `.trim().endsWith('1')`)
	page.await(`document.querySelector('#events [data-kind=block_failed]')`)
	page.await(cell("nats.producer", "Last error") + `.includes('<img src=x')`)
	assert.False(t, get[bool](page, `!!document.querySelector('td img, td script, #events img, #events script') || 'hacked' in window`),
		"texts of the process are text")
	page.await(`document.getElementById('verdict').innerText === 'Ready'`)

	p.server.Refuse(errors.New("the server is out to lunch"))
	p.server.Break()
	page.await(`document.getElementById('verdict').innerText === 'Not ready'`)
	page.await(`document.getElementById('reason').innerText.includes('out to lunch')`)
	page.await(`document.querySelector('#events [data-kind=connection_lost]')`)
	page.await(`document.getElementById('history').innerText.includes('connection lost')`)
	page.await(`document.getElementById('news').textContent.includes('Not ready')`)
	p.server.Up()
	page.await(`document.getElementById('verdict').innerText === 'Ready'`)
	page.await(`document.getElementById('history').innerText.match(/connect failed.*times/)`)
}

// Where the stream is refused, the page asks.
func TestPageWithoutAStream(t *testing.T) {
	p := launch(t, "max_streams: 1", false)
	resp, err := http.Get(p.url + "events") //nolint:noctx // ended below
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	page := open(t)
	page.do(navigate(p.url))
	page.await(`document.getElementById('updates').innerText === 'by asking'`)
	p.fail(errHostile)
	page.await(`document.querySelector('#events [data-kind=block_failed]')`)
	page.expect("503")
}

// A page that nobody looks at follows nothing, and goes on where it was when somebody does.
func TestHiddenPageHoldsNoStream(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	hide := func(hidden bool) {
		get[bool](page, fmt.Sprintf(`(() => { Object.defineProperty(document, 'hidden', {value: %v, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); return true })()`, hidden))
	}
	hide(true)
	assert.True(t, get[bool](page, `source === null`))
	p.fail(errHostile)
	hide(false)
	page.await(`document.querySelector('#events [data-kind=block_failed]')`)
	page.await(`document.getElementById('updates').innerText === 'live'`)
	assert.True(t, get[bool](page, `(() => { const shown = [...document.querySelectorAll('#events li')].map(e => e.innerText); return shown.filter(e => e.includes('process running')).length === 1 })()`),
		"nothing is shown twice")
}

// One question that isn't answered doesn't leave the page saying that nothing comes.
func TestPageRecoversFromAnAnswerThatFails(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	get[bool](page, `(() => { const real = fetch; window.fetch = () => { window.fetch = real; return Promise.reject(new Error('once')) }; return true })()`)
	page.await(`document.getElementById('updates').innerText === 'none'`)
	page.await(`document.getElementById('verdict').innerText === 'Ready'`)
	assert.Equal(t, "live", page.text("updates"))
}

// The process may take up to 5 s to answer, where blocks that hang are asked for their counters.
func TestPageWaitsForSlowAnswers(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	get[bool](page, `(() => { const real = fetch; window.fetch = (what, how) => new Promise((done, fail) => {
		how.signal.addEventListener('abort', fail);
		setTimeout(() => real(what, how).then(r => { done(r); window.slow = true }, fail), 5100) }); return true })()`)
	page.await(`window.slow || document.getElementById('verdict').innerText === 'No answer'`)
	assert.Equal(t, "Ready", page.text("verdict"))
}

func TestActions(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	press := func(id string) { page.do(chromedp.Click(chromedp.ID(id))) }

	press("level")
	page.await(`document.getElementById('dialog').open`)
	assert.True(t, get[bool](page, `document.querySelector('[name=level][value=info]').checked`))
	page.do(chromedp.Click(chromedp.CSS(`[name=level][value=debug]`)))
	press("yes")
	page.await(`document.getElementById('outcome').innerText === 'log level: debug'`)
	page.await(`document.getElementById('loglevel').innerText === 'debug'`)
	assert.Equal(t, slog.LevelDebug, p.level.Level())

	press("reload")
	p.reload <- errors.New(`key "max_conn": want an integer`)
	press("yes")
	page.await(`document.getElementById('outcome').innerText.includes('max_conn')`)
	page.expect("422")

	press("stop")
	press("no")
	page.await(`!document.getElementById('dialog').open`)
	press("stop")
	page.press("\x1b") // Escape
	page.await(`!document.getElementById('dialog').open`)
	assert.Equal(t, sputnik.StateRunning, p.Status().State, "it was called off, twice")
	press("stop")
	press("yes")
	require.NoError(t, p.Wait())
	page.await(`document.getElementById('verdict').innerText === 'No answer'`)
	page.do(navigate("about:blank")) // else it goes on asking
	page.complaints()
}

func TestWhatIsNotAvailableSaysWhy(t *testing.T) {
	p := launch(t, "", true)
	page := visit(t, p)
	for _, id := range []string{"level", "reload"} {
		assert.Equal(t, "true", get[string](page, fmt.Sprintf(`document.getElementById(%q).getAttribute('aria-disabled')`, id)))
		page.do(chromedp.Click(chromedp.ID(id)))
		assert.False(t, get[bool](page, `document.getElementById('dialog').open`))
	}
	assert.Contains(t, page.text("why"), "Reload: this program can't reload")
	assert.Contains(t, page.text("why"), "Log level: this program doesn't give")
	assert.Equal(t, "false", get[string](page, `document.getElementById('stop').getAttribute('aria-disabled')`))
}

func TestSignIn(t *testing.T) {
	const token = "correct-horse-battery"
	p := launch(t, "token: "+token, false)
	page := open(t)
	sign := func(text string) {
		page.await(`document.readyState === 'complete' && document.getElementById('token')`)
		page.do(chromedp.SendKeys(chromedp.ID("token"), text))
		page.press("\r")
	}
	page.do(navigate(p.url))
	assert.Equal(t, "/login", get[string](page, `location.pathname`))
	sign("not the right one")
	page.await(`document.querySelector('[role=alert]') && !document.querySelector('[role=alert]').hidden`)
	page.expect("401")
	sign(token)
	page.await(`document.getElementById('verdict') && document.getElementById('verdict').innerText === 'Ready'`)
	assert.Empty(t, get[string](page, `document.cookie`), "HttpOnly")
	page.do(chromedp.Click(chromedp.CSS("#signout button")))
	page.await(`location.pathname === '/login'`)
	page.do(navigate(p.url))
	assert.Equal(t, "/login", get[string](page, `location.pathname`))
}

// What gets into the page in spite of all care doesn't run.
func TestPolicyBites(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	assert.True(t, get[bool](page, `(() => { try { document.body.innerHTML = '<i>x</i>'; return false } catch (e) { return e instanceof TypeError } })()`))
	page.expect("TrustedHTML")
	get[bool](page, `(() => { const i = document.createElement('img'); i.src = 'https://outside.example/x.png'; document.body.append(i); return true })()`)
	page.await(`[...document.images].every(i => i.complete && i.naturalWidth === 0)`)
	page.expect("violates the following Content Security Policy directive: \"img-src")
	page.expect("ContentSecurityPolicyIssue")
}
