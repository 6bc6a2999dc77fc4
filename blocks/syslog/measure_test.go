//go:build linux

package syslog

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const crowdChild = "SYSLOG_TEST_CROWD"

// TestCrowdChild is the clients of TestTenThousandConnections, in a process of their own: a process may not have twice as
// many files open.
func TestCrowdChild(t *testing.T) {
	if os.Getenv(crowdChild) == "" {
		t.Skip("is started by TestTenThousandConnections")
	}
	var transport, address string
	var count int
	_, err := fmt.Sscan(os.Getenv(crowdChild), &transport, &address, &count)
	require.NoError(t, err)
	conns := make([]net.Conn, count)
	var dialling sync.WaitGroup
	for part := range 8 {
		dialling.Go(func() {
			for i := part; i < count; i += 8 {
				c, err := net.Dial("tcp", address)
				if !assert.NoError(t, err) {
					return
				}
				if transport == transportTLS {
					secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
					assert.NoError(t, secure.Handshake())
					c = secure
				}
				conns[i] = c
			}
		})
	}
	dialling.Wait()
	fmt.Println("connected")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	require.NoError(t, err)
	for round := range 3 {
		for i, c := range conns {
			send(t, c, fmt.Sprintf("%s%d %d\n", head, round, i))
		}
	}
	for _, c := range conns {
		c.Close()
	}
}

func TestTenThousandConnections(t *testing.T) {
	if !*long {
		t.Skip("with -long only; TestManyConnections is the short one")
	}
	const n = 10_000
	if limit, _ := openFiles(); limit < n+200 {
		t.Skipf("needs %d open files, may have %d", n+200, limit)
	}
	a := newAuthority(t)
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			conf := testConf()
			if transport == transportTLS {
				conf = a.conf(transport)
			}
			conf.Listen = []string{transport + "://127.0.0.1:0"}
			conf.MaxConn = n
			f := flyFor(t, conf, nil, patience)
			cmd := exec.Command(os.Args[0], "-test.run", "^TestCrowdChild$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", crowdChild, transport, f.address(t, transport), n))
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			cmd.Stderr = t.Output()
			before := memory()
			began := time.Now()
			require.NoError(t, cmd.Start())
			text, err := bufio.NewReader(stdout).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "connected\n", text)
			f.until(t, func() bool { return f.crowd.open() == n })
			t.Logf("connected in %v, %d bytes for each", time.Since(began), (memory()-before)/n)
			began = time.Now()
			_, err = stdin.Write([]byte("\n"))
			require.NoError(t, err)
			for range 3 * n {
				f.next(t)
			}
			t.Logf("%d lines in %v", 3*n, time.Since(began))
			f.until(t, func() bool { return f.crowd.open() == 0 })
			require.NoError(t, cmd.Wait())
			require.NoError(t, f.finish())
			assert.EqualValues(t, 3*n, f.count.of(transport).Load())
		})
	}
}

// memory is what the process holds, stacks included.
func memory() uint64 {
	runtime.GC()
	runtime.GC() // what the first one found is in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
