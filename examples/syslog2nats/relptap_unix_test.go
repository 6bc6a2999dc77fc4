//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relpTap stands between a RELP sender and the program, and notes which lines were answered by "200 OK".
type relpTap struct {
	listener net.Listener
	to       string
	serving  sync.WaitGroup

	mu       sync.Mutex
	answered map[string]bool
}

func tapRELP(t *testing.T, to string) *relpTap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tap := &relpTap{listener: listener, to: to, answered: make(map[string]bool)}
	tap.serving.Go(tap.serve)
	t.Cleanup(func() {
		listener.Close()
		tap.serving.Wait()
	})
	return tap
}

// snapshot is what was answered until now.
func (r *relpTap) snapshot() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.answered)
}

func (r *relpTap) serve() {
	for {
		sender, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.serving.Go(func() {
			defer sender.Close()
			program, err := net.Dial("tcp", r.to)
			if err != nil {
				return // as if nobody listened
			}
			defer program.Close()
			r.pass(sender, program)
		})
	}
}

// pass copies both ways until one end closes.
func (r *relpTap) pass(sender, program net.Conn) {
	lines := make(map[int]string) // by transaction
	var both sync.WaitGroup
	both.Go(func() {
		defer program.Close()
		relpFrames(sender, program, func(txnr int, command, data string) {
			if command == "syslog" {
				_, text, _ := strings.Cut(data, "app: ")
				r.mu.Lock()
				lines[txnr] = text
				r.mu.Unlock()
			}
		})
	})
	both.Go(func() {
		defer sender.Close()
		relpFrames(program, sender, func(txnr int, command, data string) {
			if command == "rsp" && strings.HasPrefix(data, "200") {
				r.mu.Lock()
				if text, ok := lines[txnr]; ok {
					r.answered[text] = true
				}
				r.mu.Unlock()
			}
		})
	})
	both.Wait()
}

// relpFrames copies frames, "<transaction> <command> <length>[ <data>]\n", and shows each before it is passed on.
func relpFrames(from io.Reader, to io.Writer, see func(txnr int, command, data string)) {
	r := bufio.NewReader(from)
	for {
		var txnr, length int
		var command string
		head, err := relpHead(r)
		if err != nil {
			return
		}
		if _, err := fmt.Sscanf(head, "%d %s %d", &txnr, &command, &length); err != nil {
			return
		}
		rest := make([]byte, length+1) // with the LF
		if length > 0 {
			head += " "
		}
		if _, err := io.ReadFull(r, rest); err != nil {
			return
		}
		see(txnr, command, string(rest[:length]))
		if _, err := to.Write(append([]byte(head), rest...)); err != nil {
			return
		}
	}
}

// relpHead reads up to the length, and the space behind it where there are data.
func relpHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for spaces := 0; ; {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return head.String(), r.UnreadByte()
		case c == ' ':
			spaces++
		}
		if spaces == 3 {
			return head.String(), nil
		}
		head.WriteByte(c)
	}
}
