package browsertest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var screenshots = flag.Bool("screenshots", false, "write docs/admin-light.png and docs/admin-dark.png")

// disguise replaces what differs from machine to machine, and the harness's own block.
const disguise = `(() => { const real = fetch; window.fetch = async (...a) => { const r = await real(...a); if (!a[0].startsWith('/status')) return r;
	const s = await r.json(); Object.assign(s, {program: 'syslog2nats', host: 'edge-7', pid: 4711}); s.blocks = s.blocks.filter(b => b.name !== 'sputniktest');
	return new Response(JSON.stringify(s)) }; return true })()`

// makeup puts what a network would say in the place of the harness's words.
const makeup = `(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace('sputniktest: the connection is broken',
		'read tcp 10.1.2.9:51514->10.1.2.3:4222: connection reset by peer'); return true })()`

// samples is true once the page has looked that often.
func samples(n int) string {
	return fmt.Sprintf(`[...document.querySelectorAll('polyline')].some(l => l.points.length >= %d)`, n)
}

func TestScreenshots(t *testing.T) {
	if !*screenshots {
		t.Skip("run with -screenshots to make the pictures")
	}
	p := launch(t, "", false)
	page := visit(t, p)
	get[bool](page, disguise)
	p.failBlock("rules", errors.New(`no rule for facility "local7"`), 1)
	page.await(`document.querySelector('#events [data-kind=block_failed]')`)
	page.await(samples(20))
	p.server.Refuse(errors.New("dial tcp 10.1.2.3:4222: connect: connection refused"))
	p.server.Break()
	page.await(`document.querySelector('#events [data-kind=connection_lost]')`)
	page.await(samples(24))
	p.server.Up()
	page.await(`document.getElementById('verdict').innerText === 'Ready' && document.getElementById('program').innerText === 'syslog2nats'`)
	page.await(samples(35))
	for _, scheme := range []string{"light", "dark"} {
		page.prefer("prefers-color-scheme", scheme)
		page.do(chromedp.EmulateViewport(1180, 800))
		get[bool](page, makeup)
		picture, err := chromedp.Run(page.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		assert.Less(t, len(picture), 150<<10, scheme)
		require.NoError(t, os.WriteFile(filepath.Join("..", "..", "..", "docs", "admin-"+scheme+".png"), picture, 0o644))
	}
}
