package httpin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// tokens are the digests of those that are accepted; none: no token is asked for.
type tokens [][sha256.Size]byte

func newTokens(accepted []string) tokens {
	var t tokens
	for _, token := range accepted {
		t = append(t, sha256.Sum256([]byte(token)))
	}
	return t
}

// check wants one of the tokens. How long it takes tells nothing of them.
func (t tokens) check(r *http.Request) *problem {
	if len(t) == 0 {
		return nil
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(given)))
	equal := 0
	for _, accepted := range t {
		equal |= subtle.ConstantTimeCompare(accepted[:], digest[:])
	}
	if equal == 1 && strings.EqualFold(scheme, "Bearer") {
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
