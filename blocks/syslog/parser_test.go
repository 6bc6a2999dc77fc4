package syslog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParser(t *testing.T) {
	received := time.Date(2026, 11, 20, 7, 30, 2, 0, time.UTC)
	cases := map[string]struct {
		line    string
		subject string
		want    Record
	}{
		"logger -T, RFC 5424": {
			`<13>1 2026-11-20T07:30:01.123456+00:00 host root - - [timeQuality tzKnown="1" isSynced="1" syncAccuracy="411500"] hello`,
			"user.notice",
			Record{
				Format: "rfc5424", Facility: "user", Severity: "notice", Timestamp: "2026-11-20T07:30:01.123456Z", Hostname: "host", App: "root",
				Structured: SDElement{"timeQuality": {"tzKnown": "1", "isSynced": "1", "syncAccuracy": "411500"}}, Message: "hello",
			},
		},
		"logger -T --rfc3164": {
			`<13>Nov 20 07:30:01 host root: hello`, "user.notice",
			Record{Format: "rfc3164", Facility: "user", Severity: "notice", Timestamp: "2026-11-20T07:30:01Z", Hostname: "host", App: "root", Message: "hello"},
		},
		"logger -i --rfc3164, another priority": {
			`<163>Nov 20 07:30:01 host app[123]: hello`, "local4.err",
			Record{Format: "rfc3164", Facility: "local4", Severity: "err", Timestamp: "2026-11-20T07:30:01Z", Hostname: "host", App: "app", ProcID: "123", Message: "hello"},
		},
		"without a host": {
			`<13>Nov 20 07:30:01 root: hello`, "user.notice",
			Record{Format: "rfc3164", Facility: "user", Severity: "notice", Timestamp: "2026-11-20T07:30:01Z", App: "root", Message: "hello"},
		},
		"RFC 3164, example 1": {
			`<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8`, "auth.crit",
			Record{Format: "rfc3164", Facility: "auth", Severity: "crit", Timestamp: "2026-10-11T22:14:15Z", Hostname: "mymachine", App: "su", Message: "'su root' failed for lonvick on /dev/pts/8"},
		},
		"RFC 5424, example 1": {
			"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8", "auth.crit",
			Record{Format: "rfc5424", Facility: "auth", Severity: "crit", Timestamp: "2003-10-11T22:14:15.003Z", Hostname: "mymachine.example.com", App: "su", MsgID: "ID47", Message: "'su root' failed for lonvick on /dev/pts/8"},
		},
		"RFC 5424, example 2": {
			`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`, "local4.notice",
			Record{Format: "rfc5424", Facility: "local4", Severity: "notice", Timestamp: "2003-08-24T05:14:15.000003-07:00", Hostname: "192.0.2.1", App: "myproc", ProcID: "8710", Message: "%% It's time to make the do-nuts."},
		},
		"RFC 5424, example 4: only structured data": {
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]`, "local4.notice",
			Record{
				Format: "rfc5424", Facility: "local4", Severity: "notice", Timestamp: "2003-10-11T22:14:15.003Z", Hostname: "mymachine.example.com", App: "evntslog", MsgID: "ID47",
				Structured: SDElement{"exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"}, "examplePriority@32473": {"class": "high"}},
			},
		},
		"RFC 3339 in RFC 3164, as rsyslog forwards": {
			`<30>2026-11-20T07:30:01.5+01:00 host systemd[1]: Started.`, "daemon.info",
			Record{Format: "rfc3164", Facility: "daemon", Severity: "info", Timestamp: "2026-11-20T07:30:01.5+01:00", Hostname: "host", App: "systemd", ProcID: "1", Message: "Started."},
		},
		"zero-padded day": {
			`<30>Nov 05 07:30:01 host app: x`, "daemon.info",
			Record{Format: "rfc3164", Facility: "daemon", Severity: "info", Timestamp: "2026-11-05T07:30:01Z", Hostname: "host", App: "app", Message: "x"},
		},
		"LF inside (octet count)": {
			"<30>Nov 20 07:30:01 host app: x\ny", "daemon.info",
			Record{Format: "rfc3164", Facility: "daemon", Severity: "info", Timestamp: "2026-11-20T07:30:01Z", Hostname: "host", App: "app", Message: "x\ny"},
		},
		"29 February": {
			`<30>Feb 29 07:30:01 host app: x`, "daemon.info",
			Record{Format: "rfc3164", Facility: "daemon", Severity: "info", Timestamp: "2026-03-01T07:30:01Z", Hostname: "host", App: "app", Message: "x"},
		},
		"not UTF-8": {
			"<30>Nov 20 07:30:01 host app: \xe4", "daemon.info",
			Record{Format: "rfc3164", Facility: "daemon", Severity: "info", Timestamp: "2026-11-20T07:30:01Z", Hostname: "host", App: "app", Message: "\xe4", RawBase64: []byte("<30>Nov 20 07:30:01 host app: \xe4")},
		},
		"Cisco ASA": {
			`<166>:Nov 20 07:30:01 UTC: %ASA-session-6-305012: Teardown dynamic TCP translation`, "unparsed",
			Record{Format: "unparsed", Raw: `<166>:Nov 20 07:30:01 UTC: %ASA-session-6-305012: Teardown dynamic TCP translation`},
		},
		"Meraki": {
			`<134>1 1763623801.123456789 MX84 flows src=10.0.0.1 dst=10.0.0.2`, "unparsed",
			Record{Format: "unparsed", Raw: `<134>1 1763623801.123456789 MX84 flows src=10.0.0.1 dst=10.0.0.2`},
		},
		"9-digit fraction": {
			`<34>1 2026-11-20T07:30:01.123456789Z host app - - - x`, "unparsed",
			Record{Format: "unparsed", Raw: `<34>1 2026-11-20T07:30:01.123456789Z host app - - - x`},
		},
		"only a priority": {`<13>hello`, "unparsed", Record{Format: "unparsed", Raw: `<13>hello`}},
		"priority out of range": {
			`<192>Nov 20 07:30:01 host app: x`, "unparsed",
			Record{Format: "unparsed", Raw: `<192>Nov 20 07:30:01 host app: x`},
		},
		"garbage": {"\xff\x00", "unparsed", Record{Format: "unparsed", RawBase64: []byte("\xff\x00")}},
	}
	p := newParser(time.UTC, false) // one for all, as for a connection
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, priority := p.parse([]byte(c.line), received)
			c.want.Received = received
			assert.Equal(t, &c.want, got)
			assert.Equal(t, c.subject, got.Subject())
			assert.Equal(t, c.subject, newSubjects()[priority])
		})
	}
}

func TestParserKeepsRaw(t *testing.T) {
	const line = `<13>Nov 20 07:30:01 host root: hello`
	r, _ := newParser(time.UTC, true).parse([]byte(line), time.Now())
	assert.Equal(t, line, r.Raw)
	assert.Equal(t, "hello", r.Message)
}

func TestParserKeepsNothingOfTheLine(t *testing.T) {
	line := []byte(`<13>Nov 20 07:30:01 host root: hello`)
	r, _ := newParser(time.UTC, true).parse(line, time.Now())
	for i := range line {
		line[i] = 'x'
	}
	assert.Equal(t, "hello", r.Message)
	assert.Equal(t, `<13>Nov 20 07:30:01 host root: hello`, r.Raw)
}

// A line of 64 KB that takes the parser a second is one that stops a listener.
func TestLineOfLineEndsIsNoDearerThanOthers(t *testing.T) {
	p := newParser(time.UTC, false)
	text := strings.Repeat("\n", 1000) + "x\r\n" + strings.Repeat("\r\n", 1000) + "y"
	for _, head := range []string{head, "<13>1 2026-11-20T07:30:01Z host app - - [a b=\"c\nd\"] "} {
		line := []byte(head + text)
		r, _ := p.parse(line, time.Now())
		assert.Equal(t, text, r.Message)
		assert.NotContains(t, r.Structured["a"]["b"], "\r")
		assert.Less(t, testing.AllocsPerRun(1, func() { p.parse(line, time.Now()) }), 50.0)
	}
}

func TestVeryLongLineIsParsedAtItsHead(t *testing.T) {
	p := newParser(time.UTC, false)
	text := strings.Repeat("ä", parsed)
	r, _ := p.parse([]byte(head+text), time.Now())
	assert.Equal(t, text, r.Message)
	assert.Empty(t, r.RawBase64)
	line := `<13>1 2026-11-20T07:30:01Z host app - - [a b="` + strings.Repeat(`\"`, parsed) + `"] x`
	r, _ = p.parse([]byte(line), time.Now())
	assert.Equal(t, formatUnparsed, r.Format)
	assert.Equal(t, line, r.Raw)
}

func TestNewYear(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	cases := map[string]struct {
		received, line, want string
		loc                  *time.Location
	}{
		"the old year's last line":          {"2027-01-01T00:00:05Z", "Dec 31 23:59:59", "2026-12-31T23:59:59Z", time.UTC},
		"the new year's first, clock ahead": {"2026-12-31T23:59:58Z", "Jan  1 00:00:01", "2027-01-01T00:00:01Z", time.UTC},
		"the new year's first":              {"2027-01-01T00:00:05Z", "Jan  1 00:00:01", "2027-01-01T00:00:01Z", time.UTC},
		"months late":                       {"2027-03-01T00:00:00Z", "Nov 20 07:30:01", "2026-11-20T07:30:01Z", time.UTC},
		"local time, still old year in UTC": {"2026-12-31T23:30:05Z", "Jan  1 00:30:01", "2027-01-01T00:30:01+01:00", berlin},
		"local time, summer":                {"2026-07-01T10:00:00Z", "Jul  1 12:00:00", "2026-07-01T12:00:00+02:00", berlin},
		"29 February that comes on 1 March": {"2028-03-01T00:00:01Z", "Feb 29 23:59:59", "2028-02-29T23:59:59Z", time.UTC},
		"29 February, received in January":  {"2029-01-10T00:00:01Z", "Feb 29 23:59:59", "2028-02-29T23:59:59Z", time.UTC},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			received, err := time.Parse(time.RFC3339, c.received)
			require.NoError(t, err)
			r, _ := newParser(c.loc, false).parse([]byte("<13>"+c.line+" host app: x"), received)
			assert.Equal(t, c.want, r.Timestamp)
		})
	}
}

func TestRecordInJSON(t *testing.T) {
	received := time.Date(2026, 11, 20, 7, 30, 2, 5, time.UTC)
	r, _ := newParser(time.UTC, false).parse([]byte(`<13>1 2026-11-20T07:30:01Z host app 7 ID [a b="c"] <hello> & "ä"`), received)
	r.Peer, r.Transport, r.Truncated = "127.0.0.1:1234", "tcp", true
	assert.JSONEq(t, `{"received":"2026-11-20T07:30:02.000000005Z","peer":"127.0.0.1:1234","transport":"tcp","format":"rfc5424",`+
		`"facility":"user","severity":"notice","timestamp":"2026-11-20T07:30:01Z","hostname":"host","app":"app","procid":"7","msgid":"ID",`+
		`"structured_data":{"a":{"b":"c"}},"message":"<hello> & \"ä\"","truncated":true}`, string(r.Encode()))

	assert.Contains(t, string(r.Encode()), `<hello> &`, "not escaped: people read it")
	var back Record
	require.NoError(t, json.Unmarshal(r.Encode(), &back))
	assert.Equal(t, *r, back)
}

func BenchmarkParseEncode(b *testing.B) {
	p := newParser(time.UTC, false)
	line := []byte(`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.`)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r, _ := p.parse(line, now)
		r.Encode()
	}
}
