package httpin

import (
	"net/http"
	"strings"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
)

// tokens are those that are accepted; none: no token is asked for.
type tokens []string

// check wants one of the tokens. How long it takes tells nothing of them.
func (t tokens) check(r *http.Request) *problem {
	if len(t) == 0 {
		return nil
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	known := false
	for _, accepted := range t {
		known = access.Same(strings.TrimSpace(given), accepted) || known
	}
	if known && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	challenge, detail := `Bearer realm="sputnik"`, "the request has no bearer token"
	if given != "" {
		challenge, detail = challenge+`, error="invalid_token"`, "the token is not one that is accepted"
	}
	return refuse(http.StatusUnauthorized, "%s", detail).
		remedy("send the header Authorization: Bearer TOKEN, with a token of the configuration").with("WWW-Authenticate", challenge).
		with("Connection", "close") // who doesn't get in keeps no connection
}
