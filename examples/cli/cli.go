package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/sputnik-go/sputnik"
)

// Exit statuses.
const (
	ExitClean = iota
	ExitFailure
	ExitUsage // wrong arguments or configuration
)

// Invocation is what one run of a program is given.
type Invocation struct {
	Args    []string // without the program's own name
	Environ []string // "KEY=value"
	Stdout  io.Writer
	Stderr  io.Writer
	// Signals stand for the operating system's. Nil: those.
	Signals <-chan os.Signal
	// Options are added to those of each flight.
	Options []sputnik.SputnikOption
}

// Main runs p as the process was called, and returns the exit status.
func Main(p Program) int {
	return p.Run(Invocation{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr})
}

// arguments are those that every program has. A command is a field.
type arguments struct {
	Conf      string `placeholder:"PATH" help:"Configuration: a folder with NAME.yaml (yml, json, toml) for each block, or one file with a section for each. It overrides what is built in; environment variables override both."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"Log from this level on: debug, info, warn, error."`
	LogFormat string `enum:"text,json" default:"text" placeholder:"FORMAT" help:"Log as text or json, to the standard error."`

	Run      struct{}    `cmd:"" default:"withargs" help:"Run until SIGINT or SIGTERM; what happens where no command is given. SIGHUP reads the configuration anew."`
	Validate struct{}    `cmd:"" help:"Check the configuration: print ok, or everything that is wrong with it."`
	Config   configTo    `cmd:"" help:"Print a sample configuration, with the defaults."`
	List     struct{}    `cmd:"" help:"List the blocks there are, and those that run, in their order."`
	Top      topSettings `cmd:"" help:"Watch a running process, by its block admin."`
	Version  struct{}    `cmd:"" help:"Print the version."`
}

// program is one run of a Program.
type program struct {
	Program
	Invocation
	args  arguments
	log   *slog.Logger
	level slog.LevelVar
}

// Run runs the program as inv says, and returns the exit status.
func (p Program) Run(inv Invocation) int {
	r := &program{Program: p, Invocation: inv}
	command, code := r.parse()
	if command == "" {
		return code
	}
	r.log = r.logger()
	err := r.commands()[command]()
	if err == nil {
		return ExitClean
	}
	code = ExitFailure
	if r.isUsage(err) {
		code = ExitUsage
	}
	if err = inShort(err); r.args.LogFormat == "json" { // then whoever reads it expects nothing else
		for _, e := range each(err) {
			r.log.Error("failed", "error", e)
		}
		return code
	}
	// Not as a log record: it may have several lines, and a person reads it.
	_, _ = fmt.Fprintf(r.Stderr, "%s: %v\n", r.Name, err)
	return code
}

// inShort is err without the stacks of panics and of stuck blocks, which are in the log.
func inShort(err error) error {
	var parts []error
	for _, e := range each(err) {
		if flight, ok := errors.AsType[*sputnik.FlightError](e); ok {
			text, _, _ := strings.Cut(flight.Error(), "\n\n")
			e = errors.New(text)
		}
		parts = append(parts, e)
	}
	return errors.Join(parts...)
}

func (r *program) commands() map[string]func() error {
	return map[string]func() error{
		"run":      r.run,
		"validate": r.validate,
		"config":   r.config,
		"list":     r.list,
		"top":      r.top,
		"version":  r.version,
	}
}

// parse returns the name of a command, or none and the exit status.
func (r *program) parse() (command string, code int) {
	shown := false
	opts := []kong.Option{
		kong.Name(r.Name),
		kong.Description(fmt.Sprintf("%s %s.\n\nExit status: 0 after a clean end, 1 on a failure, 2 where arguments or configuration are wrong.", r.Name, r.About)),
		kong.Writers(r.Stdout, r.Stderr),
		kong.Exit(func(int) { shown = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	}
	if r.Flags != nil {
		opts = append(opts, kong.Embed(r.Flags))
	}
	parser, err := kong.New(&r.args, opts...)
	if err != nil {
		panic(err) // the tags are wrong
	}
	ctx, err := parser.Parse(twoDashes(r.Args, parser.Model.AllFlags(false)))
	switch {
	case shown:
		return "", ExitClean
	case err != nil:
		_, _ = fmt.Fprintf(r.Stderr, "%s: %v\nusage: %s, see %s --help\n", r.Name, explained(err, parser), usage(r.Name), r.Name)
		return "", ExitUsage
	}
	return strings.Fields(cmp.Or(ctx.Command(), "run"))[0], 0
}

func usage(name string) string { return name + " [COMMAND] [FLAGS]" }

// twoDashes lets long flags be written with one dash, as the flag package of Go has them: -conf is --conf.
func twoDashes(args []string, flags [][]*kong.Flag) []string {
	var long []string
	for _, group := range flags {
		for _, f := range group {
			long = append(long, f.Name)
		}
	}
	all := slices.Clone(args)
	for i, arg := range all {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && slices.Contains(long, name) {
			all[i] = "-" + arg
		}
	}
	return all
}

// explained says it in our words, with what is most like the wrong argument.
func explained(err error, parser *kong.Kong) error {
	text := err.Error()
	if flag, _, ok := strings.Cut(text, `: expected string value but got "EOL"`); ok {
		return fmt.Errorf("%s needs a value", flag)
	}
	_, wrong, found := strings.Cut(text, "unexpected argument ")
	if !found {
		_, wrong, found = strings.Cut(text, "unknown flag ")
	}
	if !found || strings.Contains(text, "did you mean") {
		return err
	}
	var known []string
	for _, c := range parser.Model.Children {
		known = append(known, c.Name)
	}
	for _, group := range parser.Model.AllFlags(false) {
		for _, f := range group {
			known = append(known, "--"+f.Name)
		}
	}
	return fmt.Errorf("%w%s", err, didYouMean(wrong, known))
}

func (r *program) logger() *slog.Logger {
	if err := r.level.UnmarshalText([]byte(r.args.LogLevel)); err != nil {
		panic(err) // kong has checked it
	}
	opts := &slog.HandlerOptions{Level: &r.level}
	if r.args.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(r.Stderr, opts))
	}
	return slog.New(newTextLog(r.Stderr, opts))
}

func (r *program) validate() error {
	if _, err := r.configure(); err != nil {
		return err
	}
	return r.print("ok\n")
}

// print writes to the standard output.
func (r *program) print(text string) error {
	_, err := io.WriteString(r.Stdout, text)
	return err
}

// each returns the parts of a joined error.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if _, ok := errors.AsType[*sputnik.FlightError](err); !ok {
			var all []error
			for _, e := range joined.Unwrap() {
				all = append(all, each(e)...)
			}
			return all
		}
	}
	return []error{err}
}
