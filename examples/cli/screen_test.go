package cli_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// screen is a terminal of a given size.
type screen struct {
	tty  *os.File
	text *bufio.Reader
}

func newScreen(t *testing.T, columns, lines uint16) *screen {
	t.Helper()
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	require.NoError(t, pty.Setsize(terminal, &pty.Winsize{Cols: columns, Rows: lines}))
	return &screen{tty: tty, text: bufio.NewReader(terminal)}
}

// frames reads so many frames: what stands between two returns to the first line, but for the last one.
func (s *screen) frames(t *testing.T, n int) (all []string) {
	t.Helper()
	s.until(t, "\x1b[H")
	for range n {
		frame := s.until(t, "\x1b[J")
		all = append(all, strings.ReplaceAll(frame, "\x1b[H", ""))
	}
	return all
}

func (s *screen) until(t *testing.T, end string) string {
	t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), end) {
		c, err := s.text.ReadByte()
		require.NoError(t, err, b.String())
		b.WriteByte(c)
	}
	return b.String()
}

// rest is what was written until now. Nothing can be written after it.
func (s *screen) rest(t *testing.T) string {
	t.Helper()
	require.NoError(t, s.tty.Close())
	text, _ := io.ReadAll(s.text) // a terminal that nobody holds open any more ends by an error
	return string(text)
}

// plain is text without what steers a terminal.
func plain(text string) string {
	return regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`).ReplaceAllString(text, "")
}

func pemOf(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}
