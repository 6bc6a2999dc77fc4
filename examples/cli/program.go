package cli

import (
	"context"
	"io"
	"io/fs"
	"log/slog"

	"github.com/sputnik-go/sputnik"
)

// Program describes a program.
type Program struct {
	// Name is what the program is called, as in "syslog2nats".
	Name string
	// About says in one line what it does; the first word is in lower case, as in "receives syslog lines".
	About string
	// EnvPrefix begins every variable that configures it, as in "S2N".
	EnvPrefix string
	// Defaults is the built-in configuration, a file for each name; "blocks" has to be among them. What a file leaves out
	// has the default of its Section.
	Defaults fs.FS
	// Blocks are those that the program knows; one that is only registered can be in the block list, too, but nothing is
	// known of its configuration.
	Blocks []Block
	// Sections are configurations of what isn't a block, such as the connector's plug-in.
	Sections []Section
	// Flags is a pointer to a struct with kong's tags: arguments of the program's own. Nil: none.
	Flags any
	// Arrange changes the block list, as Flags or other configurations want it; these are not checked yet. Nil: nothing to
	// change.
	Arrange func(cf sputnik.ConfFactory, blocks []sputnik.BlockDescriptor) []sputnik.BlockDescriptor
	// Check finds what is wrong with the configuration as a whole. What a Section's Check tells needn't be told again. Nil:
	// nothing to check.
	Check func(cf sputnik.ConfFactory, blocks []sputnik.BlockDescriptor) error
	// Refused is told why a reload was refused, beside the log. Nil: nobody else wants to know.
	Refused func(why error) error
	// Open makes what a flight needs beside its blocks: it returns options for its process, WithConnector among them, and
	// what is to be closed behind it. It is called when the configuration is known to be right. Nil: nothing is needed.
	Open func(f Flight) (opts []sputnik.SputnikOption, closer io.Closer, err error)
}

// Section is a configuration: that of a block, or of something else.
type Section struct {
	// Name of the configuration; for a block the one under which it is registered.
	Name string
	// About says in one line what it is.
	About string
	// Default is a struct, tagged `koanf:"key" doc:"meaning"`, with the defaults. Nil: nothing to configure.
	Default any
	// Check reads the configuration and returns everything that is wrong with it; see [Reads].
	Check func(cf sputnik.ConfFactory) error
}

// Block is a block that the program knows.
type Block struct {
	Section
	// New makes the block. Nil: its registered factory does.
	New func(f Flight) *sputnik.Block
	// Takes: other blocks may send to it.
	Takes bool
	// To is the key with the responsibility of the block that it sends to: that one has to be listed before, so that it is
	// finished after it. Empty: it sends to none.
	To string
}

// Flight is what a block, or Open, is made with. A process has one flight after another, with a reload between them.
type Flight struct {
	// Conf is the configuration; it doesn't change during the flight, whatever becomes of the files.
	Conf   sputnik.ConfFactory
	Blocks []sputnik.BlockDescriptor
	Log    *slog.Logger
	Level  *slog.LevelVar // of Log; it outlives the flight
	Stdout io.Writer
	// Reload reads the configuration anew. It returns everything that is wrong with it, and then the flight goes on; or nil,
	// and then the flight is about to end, and another one to begin. It may be called from anywhere.
	Reload func(ctx context.Context) error
	// Last makes this flight the last one, also where a reload has begun. It doesn't end it. It may be called from anywhere.
	Last func()
}

// Reads makes a Section's Check of a package's ReadConf.
func Reads[C any](read func(cf sputnik.ConfFactory) (C, error)) func(cf sputnik.ConfFactory) error {
	return func(cf sputnik.ConfFactory) error {
		_, err := read(cf)
		return err
	}
}

// block returns the known block of that name.
func (p Program) block(name string) (Block, bool) {
	for _, b := range p.Blocks {
		if b.Name == name {
			return b, true
		}
	}
	return Block{}, false
}

// sections are all that can be configured, but the block list.
func (p Program) sections() []Section {
	all := append([]Section(nil), p.Sections...)
	for _, b := range p.Blocks {
		if b.Default != nil {
			all = append(all, b.Section)
		}
	}
	return all
}

// factories are all that are registered, those of known blocks replaced by New.
func (p Program) factories(f Flight) sputnik.BlockFactories {
	all := sputnik.DefaultFactories()
	for _, b := range p.Blocks {
		if b.New != nil {
			all[b.Name] = func() *sputnik.Block { return b.New(f) }
		}
	}
	return all
}
