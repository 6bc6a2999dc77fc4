package httpin

import (
	"net/http"
	"net/url"
	"strings"
)

// The fields that each message has, see KeyFields; more are configured.
const (
	FieldMethod      = "method"
	FieldPath        = "path"         // of the request, as sent
	FieldContentType = "content_type" // without parameters
	FieldRemote      = "remote"       // the client's address, host:port
)

// fields are those of a request. All messages of it share them, nobody changes them.
type fields map[string]string

// Field returns the value of a field, and false where there is none.
func (f fields) Field(name string) (value string, ok bool) {
	value, ok = f[name]
	return value, ok
}

// fields are what the receiving block's subject template may use. A header or query parameter that a request doesn't have is
// no field of it; of several, it is the first.
func (c Conf) fields(r *http.Request, contentType string, query url.Values) fields {
	f := fields{
		FieldMethod:      r.Method,
		FieldPath:        r.URL.EscapedPath(),
		FieldContentType: contentType,
		FieldRemote:      r.RemoteAddr,
	}
	for name, source := range c.Fields {
		kind, of, _ := strings.Cut(source, ":")
		values := query[of]
		if kind == "header" {
			values = r.Header.Values(of)
			if strings.EqualFold(of, "Host") { // net/http has it elsewhere
				values = []string{r.Host}
			}
		}
		if len(values) > 0 {
			f[name] = values[0]
		}
	}
	return f
}
