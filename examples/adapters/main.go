// Command adapters takes messages in by syslog and by HTTP and stores them in NATS JetStream. Which adapters a process runs is
// configuration alone: all of them in one process, or one in each, from the same binary.
//
//	go run ./examples/adapters                                        # both: conf/blocks.yaml
//	go run ./examples/adapters -conf examples/adapters/conf/syslog    # syslog only
//	go run ./examples/adapters -conf examples/adapters/conf/http      # HTTP only
//
// See README.md.
package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/sputnik-go/sputnik"
	_ "github.com/sputnik-go/sputnik/blocks/http" // the adapters: a blank import each
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	_ "github.com/sputnik-go/sputnik/blocks/syslog"
)

//go:embed conf/*.yaml
var builtIn embed.FS

// fly runs the process that is configured. A broker is in it where no urls of other ones are.
func fly(folder string, environ []string) (err error) {
	defaults, err := fs.Sub(builtIn, "conf")
	if err != nil {
		return err
	}
	conf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: defaults, Path: folder, Environ: environ, EnvPrefix: "ADAPTERS"})
	if err != nil {
		return err
	}
	blocks, err := sputnik.AppBlocks(conf)
	if err != nil {
		return err
	}
	link, err := nats.ReadConf(conf)
	if err != nil {
		return err
	}
	connector := nats.NewConnector(slog.Default(), nil)
	if link.Embedded() {
		own, err := embedded.ReadConf(conf)
		if err != nil {
			return err
		}
		broker, err := embedded.Start(own, slog.Default())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, broker.Stop()) }()
		connector = nats.NewConnector(slog.Default(), broker)
	}
	return sputnik.Fly(
		sputnik.WithConfFactory(conf),
		sputnik.WithAppBlocks(blocks),
		sputnik.WithConnector(connector, time.Second),
		sputnik.WithLogger(slog.Default()),
	)
}

func main() {
	folder := flag.String("conf", "", "folder with configuration that is laid over the built-in one")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "adapters: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	if err := fly(*folder, os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, "adapters:", err)
		os.Exit(1)
	}
}
