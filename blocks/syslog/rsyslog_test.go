package syslog

import (
	"errors"
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
)

// rsyslog is a running rsyslogd that forwards what it gets to the block.
type rsyslog struct {
	cmd *exec.Cmd
	in  net.Conn
}

// rsyslogModule says whether a module of rsyslog's is installed; without rsyslog the test is skipped.
func rsyslogModule(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, pattern := range []string{"/usr/lib/*/rsyslog/", "/usr/lib/rsyslog/", "/usr/lib64/rsyslog/"} {
			if found, _ := filepath.Glob(pattern + name + ".so"); len(found) > 0 {
				return name
			}
		}
	}
	t.Skipf("rsyslog has none of the modules %v here: install rsyslog, rsyslog-relp, rsyslog-gnutls or rsyslog-openssl", names)
	return ""
}

func startRsyslog(t *testing.T, global, action string) *rsyslog {
	t.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/rsyslogd")
	}
	if err != nil {
		t.Skip("there is no rsyslogd here: install rsyslog")
	}
	socket := socketPath(t)
	dir := filepath.Dir(socket)
	conf := filepath.Join(dir, "conf")
	require.NoError(t, os.WriteFile(conf, []byte(fmt.Sprintf(`
global(workDirectory=%q net.enableDNS="off" %s)
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket=%q RateLimit.Interval="0")
%s
`, dir, global, socket, action)), 0o600))
	r := &rsyslog{cmd: exec.Command(program, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))}
	r.cmd.Stdout, r.cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, r.cmd.Start())
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Signal(syscall.SIGKILL)
		<-exited
	})
	limit := time.After(patience)
	for {
		r.in, err = net.Dial("unixgram", socket)
		if err == nil {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-exited:
			require.Fail(t, "rsyslogd has ended")
		case <-limit:
			require.Fail(t, "rsyslogd doesn't start")
		}
	}
	t.Cleanup(func() { r.in.Close() })
	return r
}

func (r *rsyslog) log(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		send(t, r.in, fmt.Sprintf("<22>Nov 20 07:30:01 app[7]: line %d", i))
	}
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func TestRsyslogForwards(t *testing.T) {
	a := newAuthority(t)
	clientCert, clientKey := a.Issue("client")
	driver := func(t *testing.T) (global, action string) {
		module := rsyslogModule(t, "lmnsd_gtls", "lmnsd_ossl")
		return fmt.Sprintf(`defaultNetstreamDriverCAFile=%q defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q`, a.File, clientCert, clientKey),
			fmt.Sprintf(`streamDriver=%q streamDriverMode="1" streamDriverAuthMode="x509/name" streamDriverPermittedPeers="server"`, strings.TrimPrefix(module, "lmnsd_"))
	}
	cases := map[string]struct {
		scheme string
		tls    bool
		action string // %s: port, and what the driver adds
	}{
		"UDP":                    {"udp", false, `action(type="omfwd" target="127.0.0.1" port="%s" protocol="udp" %s)`},
		"TCP":                    {"tcp", false, `action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" %s)`},
		"TCP, octets, RFC 5424":  {"tcp", false, `action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format" %s)`},
		"TCP, RFC 3164, old":     {"tcp", false, `action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" template="RSYSLOG_TraditionalForwardFormat" %s)`},
		"TLS, client certified":  {"tls", true, `action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" TCP_Framing="octet-counted" %s)`},
		"RELP":                   {"relp", false, `module(load="omrelp") action(type="omrelp" target="127.0.0.1" port="%s" template="RSYSLOG_SyslogProtocol23Format" %s)`},
		"RELP, TLS, certificate": {"relp+tls", true, `module(load="omrelp") action(type="omrelp" target="127.0.0.1" port="%s" tls="on" tls.authMode="name" tls.permittedPeer=["server"] %s)`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			const lines = 500
			conf := testConf()
			conf.Listen = []string{c.scheme + "://127.0.0.1:0"}
			var global, extra string
			if c.tls {
				conf = a.conf(c.scheme)
				conf.TLSClientCA = a.File
				global, extra = driver(t)
			}
			if strings.HasPrefix(c.scheme, transportRELP) {
				rsyslogModule(t, "omrelp")
				global = ""
				if c.tls {
					extra = fmt.Sprintf(`tls.caCert=%q tls.myCert=%q tls.myPrivKey=%q`, a.File, clientCert, clientKey)
				}
			}
			f := fly(t, conf, nil)
			r := startRsyslog(t, global, fmt.Sprintf(c.action, port(f.address(t, c.scheme)), extra))
			r.log(t, 0, lines)
			for i := range lines {
				got := f.next(t)
				assert.Equal(t, fmt.Sprintf("line %d", i), strings.TrimSpace(got.Message))
				assert.Equal(t, "mail.info", got.Subject())
				assert.Equal(t, "app", got.App)
				assert.Equal(t, c.scheme, got.Transport)
				if strings.HasPrefix(c.scheme, transportRELP) {
					(<-f.done)(nil)
				}
			}
			require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, f.finish())
		})
	}
}

const relpForward = `module(load="omrelp") action(type="omrelp" target="127.0.0.1" port=%q action.resumeRetryCount="-1" action.resumeInterval="1")`

// keepLogging sends a line now and then: rsyslog finds out that a session has ended when it has one more to send.
func (r *rsyslog) keepLogging(t *testing.T) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = r.in.Write([]byte("<22>Nov 20 07:30:01 app[7]: one more"))
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

// stored is what has been stored of the lines that are numbered, and how often.
type stored map[string]int

func (s stored) add(r Record) {
	if text := strings.TrimSpace(r.Message); text != "one more" {
		s[text]++
	}
}

// A line that could not be stored comes again, from a real rsyslog, until it is.
func TestRsyslogKeepsByRELPWhatIsNotStored(t *testing.T) {
	t.Parallel()
	rsyslogModule(t, "omrelp")
	const lines = 100
	f := fly(t, relpConf(), nil)
	r := startRsyslog(t, "", fmt.Sprintf(relpForward, port(f.address(t, "relp"))))
	r.log(t, 0, lines)
	r.keepLogging(t)
	all := stored{}
	for refusals := 0; len(all) < lines; {
		record, done := f.next(t), <-f.done
		if refusals < 2 && len(all) == 20+refusals {
			refusals++
			done(errors.New("not now"))
			continue
		}
		all.add(record)
		done(nil)
	}
	for i := range lines {
		assert.Positive(t, all[fmt.Sprintf("line %d", i)], i)
	}
	assert.GreaterOrEqual(t, f.count.relpLeft.Load(), uint64(2))
	f.log.await(t, `RELP session closed: a line was not stored, the sender keeps it" error="not now"`)
}

// The block ends, with lines that nobody has stored, and comes back: a real rsyslog sends them again.
func TestRsyslogKeepsByRELPWhatAFinishLeaves(t *testing.T) {
	t.Parallel()
	rsyslogModule(t, "omrelp")
	const lines = 60
	f := fly(t, relpConf(), nil)
	at := f.address(t, "relp")
	r := startRsyslog(t, "", fmt.Sprintf(relpForward, port(at)))
	r.log(t, 0, lines)
	all := stored{}
	for range lines / 2 {
		all.add(f.next(t))
		(<-f.done)(nil)
	}
	f.next(t) // and the rest gets no answer
	require.NoError(t, f.finish())
	assert.Positive(t, f.count.relpLeft.Load())

	conf := relpConf()
	conf.Listen = []string{"relp://" + at}
	again := fly(t, conf, nil)
	r.keepLogging(t)
	for len(all) < lines {
		all.add(again.next(t))
		(<-again.done)(nil)
	}
	for i := range lines {
		assert.Equal(t, 1, all[fmt.Sprintf("line %d", i)], "line %d: once, as no answer was lost", i)
	}
}
