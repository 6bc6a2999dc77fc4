package nats

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Fields is what a subject template takes its values from: the value of "fields" in a message has this method.
type Fields interface {
	Field(name string) (value string, ok bool)
}

// maxToken bounds what one field may add to a subject.
const maxToken = 200 // bytes, encoded

// template is a compiled subject_template: literal text before each field, and behind the last.
type template struct {
	parts   []part
	tail    string
	missing string // in place of a field that isn't there
}

type part struct{ literal, field string }

// compileTemplate takes "syslog.{facility}.{hostname}" apart. Its subjects have to lie below prefix, which ends in a dot.
func compileTemplate(text, prefix, missing string) (*template, error) {
	t := &template{missing: missing}
	for rest := text; ; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, fmt.Errorf("%q has a } without a {", text)
		}
		if !found {
			t.tail = literal
			break
		}
		field, behind, closed := strings.Cut(after, "}")
		switch {
		case !closed || strings.Contains(field, "{"):
			return nil, fmt.Errorf("%q has a { without its }", text)
		case field == "":
			return nil, fmt.Errorf("%q has a {} without a field's name in it", text)
		}
		t.parts = append(t.parts, part{literal, field})
		rest = behind
	}
	if err := t.check(text, prefix); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *template) check(text, prefix string) error {
	var shape strings.Builder // with a token for each field
	length := len(t.tail)
	for _, p := range t.parts {
		shape.WriteString(p.literal + "x")
		length += len(p.literal) + maxToken
	}
	shape.WriteString(t.tail)
	first := t.tail
	if len(t.parts) > 0 {
		first = t.parts[0].literal
	}
	switch subject := shape.String(); {
	case strings.Contains("."+subject+".", ".."):
		return fmt.Errorf("%q has an empty token: a dot at an end, or two in a row", text)
	case !validSubject(subject):
		return fmt.Errorf("%q has a space or a wildcard (* >) in it", text)
	case !strings.HasPrefix(first, prefix):
		return fmt.Errorf("%q does not begin with %q, and the stream takes only what does (subject of %s)", text, prefix, ConfName)
	case length > maxSubject:
		return fmt.Errorf("its subjects may be %d bytes long, more than %d: use fewer fields", length, maxSubject)
	}
	return nil
}

func validToken(s string) bool {
	return validSubject(s) && !strings.Contains(s, ".") && len(s) <= maxToken
}

// subject fills the template in; fields may be nil.
func (t *template) subject(fields Fields) string {
	var space [128]byte
	b := space[:0]
	for _, p := range t.parts {
		b = append(b, p.literal...)
		value, ok := "", false
		if fields != nil {
			value, ok = fields.Field(p.field)
		}
		if ok {
			b = appendToken(b, value)
		} else {
			b = append(b, t.missing...)
		}
	}
	return string(append(b, t.tail...))
}

// appendToken appends value as one token of a subject, as [DecodeToken] describes it.
func appendToken(b []byte, value string) []byte {
	if value == "" {
		return append(b, '%')
	}
	begin := len(b)
	for i := 0; i < len(value); {
		size, need := encodedSize(value[i:])
		if len(b)-begin+need >= maxToken {
			return append(b, '%')
		}
		if need == size {
			b = append(b, value[i:i+size]...)
		} else {
			const digits = "0123456789ABCDEF"
			b = append(b, '%', digits[value[i]>>4], digits[value[i]&0xF])
		}
		i += size
	}
	return b
}

// encodedSize returns how many bytes the first character of value has, and how many it takes in a token.
func encodedSize(value string) (size, need int) {
	const escaped = len("%2E")
	if value[0] >= utf8.RuneSelf {
		r, size := utf8.DecodeRuneInString(value)
		if r == utf8.RuneError && size == 1 {
			return 1, escaped
		}
		return size, size
	}
	if special(value[0]) {
		return 1, escaped
	}
	return 1, 1
}

func special(c byte) bool {
	const del = 0x7F
	return c <= ' ' || c == del || c == '.' || c == '*' || c == '>' || c == '%'
}

// DecodeToken returns the value that the producer made a token of a subject from. In a token, what could not be in one is
// written as in a URL: a space, a control character, a byte that is not UTF-8, and each of . * > % is a % and two
// hexadecimal digits, so that the host db.example.org is the token db%2Eexample%2Eorg. A lone % is the empty value. A
// value that takes 200 bytes or more is cut, and its token ends in a % without digits: whole is false then.
func DecodeToken(token string) (value string, whole bool, err error) {
	if token == "%" {
		return "", true, nil
	}
	text, cut := strings.CutSuffix(token, "%")
	if strings.ContainsFunc(text, func(r rune) bool { return r < utf8.RuneSelf && r != '%' && special(byte(r)) }) {
		return "", false, fmt.Errorf("%q is not a token of a subject", token)
	}
	value, err = url.PathUnescape(text)
	return value, !cut, err
}
