package httpin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sputnik-go/sputnik/blocks/internal/access"
	"github.com/sputnik-go/sputnik/blocks/internal/fault"
)

const (
	minToken = 16      // bytes: a shorter one can be guessed
	maxSize  = 1 << 30 // bytes, of everything that is counted in bytes
)

// check returns all faults, joined.
func (c Conf) check() error {
	f := fault.Of(Name)
	host, _, err := access.HostPort(c.Listen)
	f.Unless(err == nil, "listen", "%q is not an address such as 127.0.0.1:8080", c.Listen)
	f.Unless(err != nil || access.Loopback(host) || c.guarded(), "listen",
		"%q can be reached from other machines: set token or tls_client_ca, or listen on 127.0.0.1", c.Listen)
	f.Unless(validPath(c.Path), "path", "%q is not a path such as /v1/messages", c.Path)
	f.Unless(c.To != "", "to", "is empty")
	f.Unless(validSubject(c.Subject), "subject", "%q is not %s", c.Subject, subjectForm)
	f.Unless(c.Wait == WaitAccepted || c.Wait == WaitStored, "wait", "%q is neither %q nor %q", c.Wait, WaitAccepted, WaitStored)
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"accept_timeout", c.AcceptTimeout},
		{"stored_timeout", c.StoredTimeout},
		{"header_timeout", c.HeaderTimeout},
		{"read_timeout", c.ReadTimeout},
		{"idle_timeout", c.IdleTimeout},
	} {
		f.Unless(d.value > 0, d.key, "%s is not positive", d.value)
	}
	f.Unless(c.RetryAfter >= time.Second, "retry_after", "%s is less than 1s", c.RetryAfter)
	f.Within("max_waiting", c.MaxWaiting, 1, 1_000_000)
	f.Within("max_pending_bytes", c.MaxPendingBytes, 1, maxSize)
	f.Within("max_body", c.MaxBody, 1, maxSize)
	f.Within("max_message", c.MaxMessage, 1, maxSize)
	f.Within("max_batch", c.MaxBatch, 1, 1_000_000)
	f.Within("max_conn", c.MaxConn, 1, 1_000_000)
	f.Unless(c.MaxMessage <= c.MaxBody, "max_message", "%d is more than max_body (%d)", c.MaxMessage, c.MaxBody)
	f.Unless(c.MaxBody <= c.MaxPendingBytes, "max_pending_bytes", "%d is less than max_body (%d)", c.MaxPendingBytes, c.MaxBody)
	for i, token := range c.Token { // not shown: it is a secret
		f.Unless(validToken(token), "token", "number %d is not %d or more letters, digits and -._~+/, with = at the end only", i+1, minToken)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		f.Err("fields."+name, checkField(name, c.Fields[name]))
	}
	c.tlsConfig(f)
	return f.Join()
}

// guarded tells whether only those who are known get in.
func (c Conf) guarded() bool { return len(c.Token) > 0 || c.TLSClientCA != "" }

func checkField(name, source string) error {
	kind, of, _ := strings.Cut(source, ":")
	switch {
	case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return errors.New("a name is made of lower-case letters, digits and _")
	case slices.Contains([]string{FieldMethod, FieldPath, FieldContentType, FieldRemote}, name):
		return errors.New("is there already, choose another name")
	case kind == "query" && of != "":
		return nil
	case kind != "header" || of == "" || strings.Trim(of, tokenChars+"!#$%&'*^`|") != "":
		return fmt.Errorf("%q is neither header:X-Name nor query:name", source)
	case slices.Contains([]string{"Authorization", "Cookie", "Proxy-Authorization"}, http.CanonicalHeaderKey(of)):
		return fmt.Errorf("%q is a secret of the client", of)
	}
	return nil
}

// tokenChars can stand in a header's name and in a bearer token.
const tokenChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+"

func validToken(s string) bool {
	return len(s) >= minToken && strings.Trim(strings.TrimRight(s, "="), tokenChars+"/") == "" && !strings.HasPrefix(s, "=")
}

func validPath(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Path == s && u.EscapedPath() == s && strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") &&
		!strings.Contains(s, "//")
}
