//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sputnik-go/sputnik/blocks/nats/embedded/brokertest"
	"github.com/sputnik-go/sputnik/blocks/syslog"
	"github.com/sputnik-go/sputnik/internal/testkit"
)

// rsyslog is an rsyslogd that takes lines from a Unix socket and forwards them.
type rsyslog struct {
	socket net.Conn
	stop   func(t *testing.T)
}

const rsyslogConf = `
global(workDirectory="%[1]s" %[2]s)
main_queue(queue.type="LinkedList" queue.size="1000000" queue.timeoutEnqueue="60000")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%[1]s/in.sock" RateLimit.Interval="0" UsePIDFromSystem="off")
%[3]s
`

// startRsyslog runs an rsyslogd with an action of the given parameters. It skips the test where rsyslogd, or a module, isn't
// installed; needs is a Debian package with it.
func startRsyslog(t *testing.T, needs, module, global, action string) *rsyslog {
	t.Helper()
	path, err := exec.LookPath("rsyslogd")
	if err != nil {
		t.Skip("rsyslogd is not installed (Debian package rsyslog)")
	}
	if module != "" {
		if found, err := filepath.Glob("/usr/lib/*/rsyslog/" + module + ".so"); err != nil || len(found) == 0 {
			t.Skipf("%s is not installed (Debian package %s)", module, needs)
		}
	}
	folder, err := os.MkdirTemp("", "rsyslog") //nolint:usetesting // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	conf := filepath.Join(folder, "rsyslog.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, rsyslogConf, folder, global, action), 0o600))
	out, err := exec.Command(path, "-N1", "-f", conf).CombinedOutput()
	require.NoError(t, err, string(out))

	cmd := exec.Command(path, "-n", "-f", conf, "-i", filepath.Join(folder, "pid"))
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, cmd.Start())
	stopped := false
	r := &rsyslog{stop: func(t *testing.T) {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait()
	}}
	t.Cleanup(func() { r.stop(t) })
	r.socket = dialSoon(t, "unixgram", filepath.Join(folder, "in.sock"))
	return r
}

// dialSoon waits until somebody listens.
func dialSoon(t *testing.T, network, address string) net.Conn {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		c, err := net.Dial(network, address)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return c
		}
		select {
		case <-again.C:
		case <-late:
			require.NoError(t, err)
		}
	}
}

// log writes lines as programs do, by syslog(3).
func (r *rsyslog) log(t *testing.T, texts []string) {
	t.Helper()
	for _, text := range texts {
		_, err := fmt.Fprintf(r.socket, "<13>Nov 20 07:30:01 app: %s", text)
		require.NoError(t, err)
	}
}

// listenOn is the address of one of the syslog block's listeners, as the log tells it.
func (p *process) listenOn(t *testing.T, transport string) (host, port string) {
	t.Helper()
	match, _ := p.stderr.await(t, 0, `msg=listening block=syslog.* `+strings.ReplaceAll(transport, "+", `\+`)+`=(\S+)`)
	host, port, err := net.SplitHostPort(match[1])
	require.NoError(t, err)
	return host, port
}

// Each way that rsyslog has to forward: everything arrives, as it was.
func TestRsyslog(t *testing.T) {
	ca := testkit.NewAuthority(t)
	cert, key := ca.Issue("localhost")
	cases := map[string]struct {
		transport            string
		needs, module        string
		load, global, action string
	}{
		"UDP":           {"udp", "rsyslog", "", "", "", `type="omfwd" protocol="udp"`},
		"TCP":           {"tcp", "rsyslog", "", "", "", `type="omfwd" protocol="tcp"`},
		"octet-counted": {"tcp", "rsyslog", "", "", "", `type="omfwd" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`},
		"TLS": {
			"tls", "rsyslog-gnutls", "lmnsd_gtls", "", `DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="` + ca.File + `"`,
			`type="omfwd" protocol="tcp" TCP_Framing="octet-counted" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"`,
		},
		"RELP": {"relp", "rsyslog-relp", "omrelp", `module(load="omrelp")`, "", `type="omrelp"`},
		"RELP over TLS": {
			"relp+tls", "rsyslog-relp", "omrelp", `module(load="omrelp")`, "",
			`type="omrelp" tls="on" tls.caCert="` + ca.File + `" tls.myCert="` + cert + `" tls.myPrivKey="` + key + `" tls.authMode="name" tls.permittedPeer=["localhost"]`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			const n = 1000
			env := []string{
				"S2N_NATS_EMBEDDED_STORE=" + t.TempDir(), "S2N_NATS_EMBEDDED_LISTEN=127.0.0.1:0", "S2N_SYSLOG_TIMEZONE=UTC",
				"S2N_SYSLOG_LISTEN=" + c.transport + "://127.0.0.1:0",
			}
			if strings.HasSuffix(c.transport, "tls") {
				env = append(env, "S2N_SYSLOG_TLS_CERT="+cert, "S2N_SYSLOG_TLS_KEY="+key)
			}
			p := start(t, env)
			p.stderr.await(t, 0, "msg=ready")
			host, port := p.listenOn(t, c.transport)
			r := startRsyslog(t, c.needs, c.module, c.global,
				c.load+"\n"+`action(`+c.action+` target="`+host+`" port="`+port+`" action.resumeRetryCount="-1" action.resumeInterval="1")`)
			want := numbered(0, n)
			r.log(t, want)
			s := openStream(t, p.natsURL(t))
			records := s.read(t, n)
			texts := messages(records)
			for i := range texts {
				texts[i] = strings.TrimPrefix(texts[i], " ") // rsyslog keeps the one behind "app:" where it writes RFC 5424
			}
			assertOnce(t, want, texts)
			for _, record := range records {
				assert.Equal(t, c.transport, record.Transport)
				assert.NotEqual(t, "unparsed", record.Format)
				assert.Equal(t, "user", record.Facility)
				assert.Equal(t, "app", record.App)
			}
			r.stop(t)
			assert.Equal(t, n, s.count(t))
			p.kill(interrupt)
			require.Zero(t, p.exit(t))
		})
	}
}

// The sidecar is killed by SIGKILL again and again, while rsyslog forwards by RELP, with a queue on disk: no line that was
// answered is missing, not even what had been read when the broker was away. (What wasn't answered, rsyslog sends again; but
// librelp 1.11 sometimes forgets its window of 128 lines where connecting fails more than once.)
func TestSidecarKilledWithRELP(t *testing.T) {
	n, kills := 2000, 1
	if *long {
		n, kills = 300_000, 10
	}
	server := brokertest.Start(t)
	env := append(external(server), "S2N_SYSLOG_LISTEN=relp://127.0.0.1:0")
	p := execute(t, env)
	p.stderr.await(t, 0, "msg=ready")
	host, port := p.listenOn(t, "relp")
	env = append(external(server), "S2N_SYSLOG_LISTEN=relp://"+net.JoinHostPort(host, port))
	tap := tapRELP(t, net.JoinHostPort(host, port))
	_, tapPort, err := net.SplitHostPort(tap.listener.Addr().String())
	require.NoError(t, err)
	r := startRsyslog(t, "rsyslog-relp", "omrelp", "", `module(load="omrelp")
		action(type="omrelp" target="127.0.0.1" port="`+tapPort+`" action.resumeRetryCount="-1" action.resumeInterval="1"
			queue.type="LinkedList" queue.filename="relp" queue.size="1000" queue.saveOnShutdown="on" queue.timeoutEnqueue="60000")`)
	want := numbered(0, n)
	part := n / (kills + 1)
	for i := range kills {
		flowing := openStream(t, server.URL).flow(t)
		r.log(t, want[i*part:(i+1)*part-part/4])
		flowing(part / 2)
		_, line := p.stderr.await(t, 0, "msg=ready")
		server.Kill()
		r.log(t, want[(i+1)*part-part/4:(i+1)*part])
		for range 2 { // time enough to read some lines, which are now in this process only
			_, line = p.stderr.await(t, line, "connect failed")
		}
		p.kill(syscall.SIGKILL)
		p.exit(t)
		server.Restart(t)
		p = execute(t, env)
		p.stderr.await(t, 0, "msg=ready")
	}
	const window = 128 // lines that rsyslog sends ahead of their answers
	r.log(t, want[kills*part:])
	for i := range 3 * window {
		r.log(t, []string{fmt.Sprintf("marker %d", i)})
	}
	last := fmt.Sprintf("marker %d", 3*window-1)
	s := openStream(t, server.URL)
	seen := make(map[string]bool)
	s.until(t, func(text string) bool { // or until no more come
		seen[text] = true
		return len(seen) < n+3*window
	})

	answered := tap.snapshot() // what is answered now is stored now
	stored := make(map[string]int)
	s.each(t, s.count(t), func(_ string, data []byte) {
		var record syslog.Record
		require.NoError(t, json.Unmarshal(data, &record))
		stored[record.Message]++
	})
	twice, unanswered, missing := 0, 0, []string(nil)
	for _, text := range want {
		switch {
		case stored[text] > 1:
			twice++
		case stored[text] == 1:
		case answered[text]:
			missing = append(missing, text)
		default:
			unanswered++
		}
	}
	assert.Empty(t, missing, "%d lines that were answered are missing", len(missing))
	assert.Positive(t, stored[last])
	assert.LessOrEqual(t, unanswered, kills*window)
	t.Logf("%d lines, %d kills: all that were answered are there, %d of them more than once; %d were not answered, and not sent again by rsyslog",
		n, kills, twice, unanswered)
	r.stop(t)
	p.kill(syscall.SIGTERM)
	require.Zero(t, p.exit(t))
}
