package syslog

//nolint:gochecknoglobals // the table of RFC 5424, 6.2.1, in the spelling of syslog.conf
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

//nolint:gochecknoglobals // as above
var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Unparsed is the subject of the lines that no parser takes.
const Unparsed = "unparsed"
