package browsertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// node is what a screen reader has of an element.
type node struct{ role, name string }

func tree(p *tab) []node {
	p.t.Helper()
	var nodes []node
	for _, n := range call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if !n.Ignored {
			nodes = append(nodes, node{word(p, n.Role), word(p, n.Name)})
		}
	}
	return nodes
}

func word(p *tab, v *accessibility.Value) (text string) {
	p.t.Helper()
	if v != nil && len(v.Value) > 0 && v.Value[0] == '"' {
		if err := json.Unmarshal(v.Value, &text); err != nil {
			p.t.Error(err)
		}
	}
	return text
}

func count(nodes []node, role string) (n int) {
	for _, x := range nodes {
		if x.role == role {
			n++
		}
	}
	return n
}

// Roles and names are the same in a wide and in a narrow window, where the table is shown as cards.
func TestScreenReaderFindsItsWay(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	p.fail(errHostile)
	page.await(`document.querySelector('#events [data-kind=block_failed] details')`)
	for _, width := range []int64{1280, 360} {
		page.do(chromedp.EmulateViewport(width, 800))
		nodes := tree(page)
		for role, want := range map[string]int{"banner": 1, "main": 1, "contentinfo": 1, "table": 1, "columnheader": 8, "rowheader": 8, "dialog": 0} {
			assert.Equal(t, want, count(nodes, role), "%s at %d px", role, width)
		}
		assert.Equal(t, 8*7, count(nodes, "cell")+count(nodes, "gridcell"), "at %d px", width)
		named := []string{"button", "link", "combobox", "radio", "textbox", "table", "columnheader", "rowheader", "region"}
		unnamed := []string{}
		for _, n := range nodes {
			if n.name == "" && slices.Contains(named, n.role) {
				unnamed = append(unnamed, n.role)
			}
		}
		assert.Empty(t, unnamed, "at %d px", width)
		for _, want := range []node{
			{"region", "Blocks"},
			{"region", "Connection"},
			{"region", "Events"},
			{"group", "Actions"},
			{"group", "Health"},
			{"table", "Blocks"},
			{"button", "Stop…"},
			{"combobox", "Show"},
			{"list", "Events, newest first"},
			{"heading", "Blocks"},
			{"heading", "Connection"},
			{"heading", "Events"},
		} {
			assert.Contains(t, nodes, want, "at %d px", width)
		}
	}
	assert.Equal(t, "en", get[string](page, `document.documentElement.lang`))
	assert.Equal(t, []int{}, get[[]int](page, `[...document.querySelectorAll('[id]')].map(e => document.querySelectorAll('#' + CSS.escape(e.id)).length).filter(n => n > 1)`), "ids are unique")
	assert.True(t, get[bool](page, `[...document.querySelectorAll('[aria-labelledby],[aria-describedby]')].every(e => ['aria-labelledby', 'aria-describedby'].every(a => !e.hasAttribute(a) || document.getElementById(e.getAttribute(a))))`))
	assert.Equal(t, 0, get[int](page, `document.querySelectorAll('[aria-live]:not(#news)').length`), "one place speaks by itself")
}

// The page speaks when something matters, once in five seconds at most, however much happens.
func TestLiveRegionDoesNotChatter(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	get[bool](page, `(() => { window.spoken = []; new MutationObserver(() => spoken.push([Date.now(), document.getElementById('news').textContent])).observe(document.getElementById('news'), {childList: true, characterData: true, subtree: true}); return true })()`)
	for range 20 {
		p.fail(errHostile)
		p.server.Break()
	}
	p.server.Down()
	page.await(`document.getElementById('news').textContent.includes('Not ready')`)
	p.server.Up()
	page.await(`document.getElementById('verdict').innerText === 'Ready'`)
	page.await(`document.getElementById('news').textContent.includes('Ready')`)
	assert.True(t, get[bool](page, `spoken.every(([at], i) => !i || at - spoken[i - 1][0] > 4500 || at === spoken[i - 1][0])`), "%v", get[string](page, `JSON.stringify(spoken)`))
}

func TestKeyboardReachesEveryControl(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	p.fail(errHostile)
	page.await(`document.querySelector('#events [data-kind=block_failed] details')`)
	page.do(chromedp.Click(chromedp.CSS("h1"))) // the beginning
	get[bool](page, `(() => {
		window.controls = [...document.querySelectorAll('a[href],button,input,select,summary,[tabindex="0"]')].filter(e => e.checkVisibility() && e.offsetParent);
		controls[0].parentNode.prepend(Object.assign(document.createElement('span'), {id: 'start', tabIndex: -1}));
		document.getElementById('start').focus();
		window.reached = new Set();
		window.bare = [];
		return true })()`)
	for range get[int](page, `controls.length`) + 10 { // the browser itself adds areas that scroll
		page.press("\t")
		get[bool](page, `(() => { const e = document.activeElement, s = getComputedStyle(e); reached.add(e);
			if (e !== document.body && (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2)) bare.push(e.outerHTML.slice(0, 100)); return true })()`)
	}
	assert.Equal(t, []string{}, get[[]string](page, `controls.filter(e => e.isConnected && !reached.has(e)).map(e => e.outerHTML.slice(0, 100))`), "reached by Tab")
	assert.Equal(t, []string{}, get[[]string](page, `bare`), "the focus is visible")

	get[bool](page, `(document.getElementById('stop').focus(), true)`)
	page.press("\r")
	page.await(`document.getElementById('dialog').open && document.activeElement.id === 'no'`)
	assert.Contains(t, tree(page), node{"dialog", "Stop the process?"})
	page.press("\t")
	assert.Equal(t, "yes", get[string](page, `document.activeElement.id`))
	page.press("\x1b")
	page.await(`!document.getElementById('dialog').open && document.activeElement.id === 'stop'`)
}

// Who opens the counters by the keyboard keeps the focus there while they change.
func TestUpdatesLeaveTheFocusAlone(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	page.await(`document.querySelector('#rows summary')`)
	get[bool](page, `(window.row = document.querySelector('#rows summary'), row.focus(), window.before = row.parentNode.innerText, true)`)
	page.press("\r")
	page.await(`row.parentNode.open`)
	for range 2 {
		page.await(`row.parentNode.querySelector('dd').textContent !== window.before`)
		assert.True(t, get[bool](page, `(window.before = row.parentNode.querySelector('dd').textContent, document.activeElement === row)`))
	}
}

// contrast lists the texts whose contrast is below WCAG AA, with the ratio.
const contrast = `(() => {
	const rgba = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
	const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
	const ground = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c } return [255, 255, 255, 1] };
	return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && e.offsetParent && !['SCRIPT', 'STYLE', 'OPTION'].includes(e.tagName) &&
		[...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).flatMap(e => {
		const s = getComputedStyle(e), [a, b] = [lum(rgba(s.color)), lum(ground(e))].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
		const large = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700;
		return ratio < (large ? 3 : 4.5) ? [e.innerText.slice(0, 40) + ' ' + ratio.toFixed(2)] : [] }) })()`

func TestContrast(t *testing.T) {
	p := launch(t, "", true)
	page := visit(t, p)
	p.fail(errHostile)
	p.server.Down()
	page.await(`document.querySelector('#events [data-kind=connection_lost]') && document.getElementById('verdict').innerText === 'Not ready'`)
	for _, scheme := range []string{"light", "dark"} {
		page.prefer("prefers-color-scheme", scheme)
		dark := get[bool](page, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((a, b) => a + +b, 0) < 200`)
		assert.Equal(t, scheme == "dark", dark)
		assert.Equal(t, []string{}, get[[]string](page, contrast), scheme)
		get[bool](page, `(document.getElementById('stop').click(), true)`)
		assert.Equal(t, []string{}, get[[]string](page, contrast), "%s, with the dialog", scheme)
		page.press("\x1b")
		page.await(`!document.getElementById('dialog').open`)
	}
}

func TestNarrowWindow(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	p.fail(errHostile)
	page.await(cell("nats.producer", "Last error") + `.includes('<img src=x')`)
	for _, width := range []int64{320, 360, 600, 900, 901, 1280} {
		page.do(chromedp.EmulateViewport(width, 780))
		assert.LessOrEqual(t, get[int64](page, `document.documentElement.scrollWidth`), width, "nothing sticks out at %d px", width)
		cut := get[[]string](page, fmt.Sprintf(`[...document.querySelectorAll('body *')].filter(e => e.offsetParent && !e.closest('.sr, .skip, thead') && e.getBoundingClientRect().right > %d + .5).map(e => e.outerHTML.slice(0, 80))`, width))
		assert.Equal(t, []string{}, cut, "at %d px", width)
	}
}

func TestReducedMotion(t *testing.T) {
	p := launch(t, "", false)
	page := visit(t, p)
	moving := `[...document.querySelectorAll('body *')].filter(e => getComputedStyle(e).transitionDuration !== '0s' || getComputedStyle(e).animationName !== 'none').length`
	page.prefer("prefers-reduced-motion", "no-preference")
	assert.Positive(t, get[int](page, moving))
	page.prefer("prefers-reduced-motion", "reduce")
	assert.Zero(t, get[int](page, moving))
}
