package httpin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// The media types of requests.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeText   = "text/plain"

	acceptedTypes = typeJSON + ", " + typeNDJSON + ", " + typeText
)

// jsonSpace may stand around a value.
const jsonSpace = " \t\r\n"

// splitter takes the messages out of a body, within the limits.
type splitter struct {
	maxMessage, maxBatch int
	messages             [][]byte
}

// split returns the messages of a body, each in memory of its own where there are many, and whether the body can hold many.
func (c Conf) split(contentType string, lines bool, body []byte) (messages [][]byte, many bool, p *problem) {
	s := splitter{maxMessage: c.MaxMessage, maxBatch: c.MaxBatch}
	switch {
	case contentType == typeText && lines:
		many, p = true, s.lines(body)
	case contentType == typeText:
		p = s.add(body)
	case contentType == typeNDJSON:
		many, p = true, s.objects(body)
	default:
		many, p = s.json(body)
	}
	if p == nil && len(s.messages) == 0 {
		p = refuse(http.StatusBadRequest, "the body holds no message").remedy("send one at least")
	}
	return s.messages, many, p
}

// add takes one message. An empty one is none.
func (s *splitter) add(message []byte) *problem {
	switch {
	case len(message) == 0:
		return nil
	case len(message) > s.maxMessage:
		return refuse(http.StatusRequestEntityTooLarge,
			"message %d has %d bytes", len(s.messages), len(message)).
			remedy("send at most %d bytes in a message (max_message)", s.maxMessage)
	case len(s.messages) == s.maxBatch:
		return refuse(http.StatusRequestEntityTooLarge, "there are more than %d", s.maxBatch).
			remedy("send at most %d messages in a request (max_batch)", s.maxBatch)
	}
	s.messages = append(s.messages, message)
	return nil
}

// lines takes each line that isn't empty.
func (s *splitter) lines(body []byte) *problem {
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if p := s.add(bytes.Clone(bytes.TrimSuffix(line, []byte("\r")))); p != nil {
			return p
		}
	}
	return nil
}

// objects takes the JSON object of each line that isn't blank.
func (s *splitter) objects(body []byte) *problem {
	number := 0
	for line := range bytes.SplitSeq(withoutBOM(body), []byte("\n")) {
		number++
		line = bytes.Trim(line, jsonSpace)
		if len(line) == 0 {
			continue
		}
		if err := checkJSON(line); err != nil {
			return invalid("line %d: %v", number, err)
		}
		if line[0] != '{' {
			return invalid("line %d: want an object, got %s", number, kind(line))
		}
		if p := s.add(bytes.Clone(line)); p != nil {
			return p
		}
	}
	return nil
}

// json takes an object, or the objects of an array.
func (s *splitter) json(body []byte) (many bool, p *problem) {
	body = bytes.Trim(withoutBOM(body), jsonSpace)
	if len(body) == 0 {
		return false, nil
	}
	if err := checkJSON(body); err != nil {
		return false, invalid("%v", err)
	}
	switch body[0] {
	case '{':
		return false, s.add(body)
	case '[':
		return true, s.array(body)
	}
	return false, invalid("want an object or an array of objects, got %s", kind(body))
}

// array takes the elements of a valid array.
func (s *splitter) array(body []byte) *problem {
	elements := json.NewDecoder(bytes.NewReader(body))
	_, err := elements.Token() // the bracket
	for err == nil && elements.More() {
		var element json.RawMessage
		if err = elements.Decode(&element); err != nil {
			break
		}
		if element[0] != '{' {
			return invalid("element %d: want an object, got %s", len(s.messages), kind(element))
		}
		if p := s.add(element); p != nil {
			return p
		}
	}
	if err != nil {
		return invalid("%v", err)
	}
	return nil
}

// checkJSON wants one value and nothing else, in UTF-8.
func checkJSON(text []byte) error {
	err := json.Unmarshal(text, new(anything))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("at byte %d: %w", syntax.Offset, err)
	}
	if err == nil && !utf8.Valid(text) {
		return errors.New("not in UTF-8")
	}
	return err
}

// anything is a JSON value that nobody keeps.
type anything struct{}

// UnmarshalJSON implements [json.Unmarshaler].
func (*anything) UnmarshalJSON([]byte) error { return nil }

// kind names a valid JSON value by its first byte.
func kind(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

func invalid(detail string, args ...any) *problem {
	return refuse(http.StatusBadRequest, detail, args...).
		remedy("send one object or an array of objects as %s, or one object in each line as %s", typeJSON, typeNDJSON)
}

func withoutBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }

// mediaType is that of a request, if it is an accepted one.
func mediaType(header http.Header) (string, *problem) {
	if coding := strings.Join(header.Values("Content-Encoding"), ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return "", refuse(http.StatusUnsupportedMediaType, "the body is encoded by %q", coding).
			remedy("send it as it is").with("Accept-Encoding", "identity")
	}
	given := header.Get("Content-Type")
	switch t, _, err := mime.ParseMediaType(given); {
	case err == nil && (t == typeJSON || t == typeNDJSON || t == typeText):
		return t, nil
	case given == "":
		given = "missing"
	default:
		given = fmt.Sprintf("%q", given)
	}
	return "", refuse(http.StatusUnsupportedMediaType, "the Content-Type is %s", given).
		remedy("send one of %s", acceptedTypes).with("Accept", acceptedTypes)
}
