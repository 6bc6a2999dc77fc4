package httpin

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	subjectForm  = "a subject of letters, digits, - and _, with dots in between"
	maxSubject   = 255 // bytes
	subjectChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)

func validSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if !validElement(token) {
			return false
		}
	}
	return len(s) <= maxSubject
}

// validElement tells whether s can be one token of a subject.
func validElement(s string) bool { return s != "" && strings.Trim(s, subjectChars) == "" }

// below returns what follows base in a path, without the first slash, and whether the path is base or below it.
func below(base, path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, base)
	if !ok || rest == "" {
		return "", ok
	}
	return strings.CutPrefix(rest, "/")
}

// subject is what the rest of a request's path names, or else the configured one.
func (c Conf) subject(rest string) (string, *problem) {
	if rest == "" {
		return c.Subject, nil
	}
	subject := strings.ReplaceAll(rest, "/", ".")
	for element := range strings.SplitSeq(rest, "/") {
		if text, err := url.PathUnescape(element); err != nil || !validElement(text) || text != element {
			return "", refuse(http.StatusBadRequest,
				"%q, an element of the path behind %s, can't be part of a subject", element, c.Path).
				remedy("use letters, digits, - and _ in each element: %s/orders/new stands for orders.new", c.Path)
		}
	}
	if len(subject) > maxSubject {
		return "", refuse(http.StatusBadRequest,
			"the subject has %d bytes", len(subject)).remedy("use %d bytes at most", maxSubject)
	}
	return subject, nil
}
