package main

import (
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/syslog"
	"github.com/sputnik-go/sputnik/examples/cli"
)

const (
	reconnect    = time.Second // base of the backoff between attempts to connect
	reconnectCap = 5 * time.Second
	connectLimit = 30 * time.Second // for a plug-in that hangs: it has its own connect_timeout
)

//go:embed conf
var builtIn embed.FS

// flags are this program's own arguments.
type flags struct {
	Tail bool `help:"Print each line as it is stored."`
}

// program describes syslog2nats to the command line.
func program() cli.Program {
	defaults, err := fs.Sub(builtIn, "conf")
	if err != nil {
		panic(err) // it is embedded
	}
	args := new(flags)
	return cli.Program{
		Name:      "syslog2nats",
		About:     "receives syslog lines and stores them in a NATS JetStream stream",
		EnvPrefix: "S2N",
		Defaults:  defaults,
		Flags:     args,
		Arrange:   args.arrange,
		Open:      open,
		Sections: []cli.Section{{
			Name: nats.ConfName, About: "the connection to NATS, the stream, and the embedded broker",
			Default: nats.DefaultConf(), Check: cli.Reads(nats.ReadConf),
		}},
		Blocks: []cli.Block{
			{
				Section: cli.Section{
					Name: nats.ProducerName, About: "publishes to the stream, and waits for its acknowledgements",
					Default: nats.DefaultProducerConf(), Check: cli.Reads(nats.ReadProducerConf),
				},
				New:   func(f cli.Flight) *sputnik.Block { return nats.NewProducer(f.Log) },
				Takes: true,
			},
			{
				Section: cli.Section{Name: nats.TailName, About: "prints each message that is stored from now on"},
				New:     func(f cli.Flight) *sputnik.Block { return nats.NewTail(f.Log, f.Stdout) },
			},
			{
				Section: cli.Section{
					Name: syslog.Name, About: "receives syslog lines",
					Default: syslog.DefaultConf(), Check: cli.Reads(syslog.ReadConf),
				},
				New: func(f cli.Flight) *sputnik.Block { return syslog.NewBlock(f.Log) },
				To:  "to",
			},
		},
	}
}

// arrange puts the tail in front: it finishes last, and prints what the others still store.
func (f *flags) arrange(blocks []sputnik.BlockDescriptor) []sputnik.BlockDescriptor {
	tail := sputnik.BlockDescriptor{Name: nats.TailName, Responsibility: nats.TailName}
	if f.Tail && !slices.Contains(blocks, tail) {
		blocks = slices.Insert(blocks, 0, tail)
	}
	return blocks
}

// open starts the broker where it is embedded, and makes the connector's plug-in.
func open(f cli.Flight) ([]sputnik.SputnikOption, io.Closer, error) {
	conf, err := nats.ReadConf(f.Conf)
	if err != nil {
		return nil, nil, err
	}
	if !conf.Embedded() {
		return options(nats.NewConnector(f.Log, nil)), nil, nil
	}
	server, err := startBroker(conf, f.Log)
	if err != nil {
		return nil, nil, err
	}
	return options(nats.NewConnector(f.Log, server)), server, nil
}

func options(connector sputnik.ServerConnector) []sputnik.SputnikOption {
	return []sputnik.SputnikOption{
		sputnik.WithConnector(connector, reconnect),
		sputnik.WithConnectTimeout(connectLimit),
		sputnik.WithBackoffCap(reconnectCap),
	}
}

// broker is the embedded one. It outlives the blocks, which flush into it.
type broker struct{ *embedded.Broker }

func startBroker(conf nats.Conf, log *slog.Logger) (broker, error) {
	b, err := embedded.Start(embedded.Conf{
		Store:      conf.Store,
		SyncAlways: conf.Sync == nats.SyncAlways,
		Listen:     conf.Listen,
	}, log)
	return broker{b}, err
}

// Close stops it.
func (b broker) Close() error { return b.Stop() }
