package admin

import (
	"crypto/sha256"
	_ "embed" // the pages
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	livePage string
	//go:embed login.html
	loginPage string
)

// page serves the two pages. Each is one file, whose style and script the browser runs by their hashes, and nothing else.
type page struct{ live, signIn, wrong document }

func newPage() *page {
	return &page{
		live:   newDocument(livePage),
		signIn: newDocument(loginPage),
		wrong:  newDocument(strings.Replace(loginPage, `role="alert" hidden`, `role="alert"`, 1)),
	}
}

func (p *page) serve(w http.ResponseWriter, _ *http.Request) { p.live.write(w, http.StatusOK) }

// login asks for the token; wrong: once more.
func (p *page) login(w http.ResponseWriter, code int, wrong bool) {
	if wrong {
		p.wrong.write(w, code)
		return
	}
	p.signIn.write(w, code)
}

// document is a page with the policy that fits it.
type document struct{ text, policy string }

func newDocument(text string) document {
	policy := []string{
		"default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'self'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}
	for _, kind := range []string{"style", "script"} {
		if body, ok := element(text, kind); ok {
			sum := sha256.Sum256([]byte(body))
			policy = append(policy, fmt.Sprintf("%s-src 'sha256-%s'", kind, base64.StdEncoding.EncodeToString(sum[:])))
		}
	}
	return document{text, strings.Join(policy, "; ")}
}

// element is what stands inside of the one element of a kind.
func element(text, kind string) (body string, ok bool) {
	_, rest, ok := strings.Cut(text, "<"+kind+">")
	if !ok {
		return "", false
	}
	body, _, ok = strings.Cut(rest, "</"+kind+">")
	return body, ok
}

func (d document) write(w http.ResponseWriter, code int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", d.policy)
	w.WriteHeader(code)
	_, _ = w.Write([]byte(d.text)) // the client is gone: nobody to tell
}
