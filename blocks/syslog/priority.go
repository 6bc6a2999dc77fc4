package syslog

import "slices"

//nolint:gochecknoglobals // the table of RFC 5424, 6.2.1, in the spelling of syslog.conf
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

//nolint:gochecknoglobals // as above
var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

const (
	priorities = len(facilities) * len(severities)
	noPriority = priorities // of a line that no parser takes
)

// Unparsed is the subject of the lines that no parser takes.
const Unparsed = "unparsed"

// subjects are the subjects by priority, each made once: a message holds them as they are.
type subjects [priorities + 1]any

func newSubjects() *subjects {
	var s subjects
	for p := range priorities {
		s[p] = facilities[p/len(severities)] + "." + severities[p%len(severities)]
	}
	s[noPriority] = Unparsed
	return &s
}

// filter says by priority which lines pass.
type filter [priorities + 1]bool

// newFilter lets pass the facilities listed (none: all) down to the severity named (empty: all).
func newFilter(list []string, severity string, dropUnparsed bool) *filter {
	least := len(severities) - 1
	if i := slices.Index(severities[:], severity); i >= 0 {
		least = i
	}
	var f filter
	for p := range priorities {
		listed := len(list) == 0 || slices.Contains(list, facilities[p/len(severities)])
		f[p] = listed && p%len(severities) <= least
	}
	f[noPriority] = !dropUnparsed
	return &f
}
