package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `syslog2nats receives syslog lines over UDP and TCP and stores them in a NATS JetStream stream.

usage: syslog2nats [-conf FOLDER] [-tail]

  -conf FOLDER  configuration: FOLDER/<name>.yaml (json, toml), over the built-in one
  -tail         print each line as it is stored
  -h            print this

Names and keys: see the built-in configuration in examples/syslog2nats/conf. The environment goes before all files: the key
max_conn of syslog is S2N_SYSLOG_MAX_CONN; S2N_NATS_PASSWORD_FILE names a file with the value.
Exit status: 0 clean end, 1 failure, 2 wrong arguments or configuration.
`

type options struct {
	conf string
	tail bool
}

// parseArgs returns false where there is nothing more to do than to exit with code.
func parseArgs(args []string, stderr io.Writer) (opts options, code int, ok bool) {
	flags := flag.NewFlagSet("syslog2nats", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { _, _ = io.WriteString(stderr, usage) }
	flags.StringVar(&opts.conf, "conf", "", "")
	flags.BoolVar(&opts.tail, "tail", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return opts, exitClean, false
	case err != nil:
		return opts, exitUsage, false
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "unexpected argument %q\n%s", flags.Arg(0), usage)
		return opts, exitUsage, false
	}
	return opts, exitClean, true
}
