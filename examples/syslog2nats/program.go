package main

import (
	"embed"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/admin"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/syslog"
	"github.com/sputnik-go/sputnik/blocks/systemd"
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
	Tail  bool `help:"Print each line as it is stored."`
	Admin bool `help:"Serve status, metrics and a live page; see the configuration of admin."`
}

// syslog2nats is what the description refers to.
type syslog2nats struct {
	flags  flags
	broker *embedded.Server // of the flight
}

// program describes syslog2nats to the command line.
func program() cli.Program {
	defaults, err := fs.Sub(builtIn, "conf")
	if err != nil {
		panic(err) // it is embedded
	}
	s := new(syslog2nats)
	return cli.Program{
		Name:      "syslog2nats",
		About:     "receives syslog lines and stores them in a NATS JetStream stream",
		EnvPrefix: "S2N",
		Defaults:  defaults,
		Flags:     &s.flags,
		Arrange:   s.arrange,
		Refused:   systemd.ReloadRefused,
		Open:      s.open,
		Sections: []cli.Section{{
			Name: nats.ConfName, About: "the connection to NATS, and the stream",
			Default: nats.DefaultConf(), Check: cli.Reads(nats.ReadConf),
		}},
		Blocks: s.blocks(),
	}
}

func (s *syslog2nats) blocks() []cli.Block {
	return []cli.Block{
		{
			Section: cli.Section{
				Name: admin.Name, About: "tells how the process is: probes, metrics, status, a live page",
				Default: admin.DefaultConf(), Check: cli.Reads(admin.ReadConf),
			},
			New: func(f cli.Flight) *sputnik.Block {
				return admin.NewBlock(f.Log, admin.Options{Level: f.Level, Reload: f.Reload, Last: f.Last})
			},
		},
		{
			Section: cli.Section{
				Name: embedded.Name, About: "a NATS server in this process; runs where nats has no urls",
				Default: embedded.DefaultConf(), Check: cli.Reads(embedded.ReadConf),
			},
			New: func(cli.Flight) *sputnik.Block { return s.broker.NewBlock() },
		},
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
		{
			Section: cli.Section{
				Name: systemd.Name, About: "tells the service manager how the process is; runs where that asks for it",
				Default: systemd.DefaultConf(), Check: cli.Reads(systemd.ReadConf),
			},
			New: func(f cli.Flight) *sputnik.Block { return systemd.NewBlock(f.Log) },
		},
	}
}

// arrange puts in front what is wanted beside the configured list. What stands in front finishes last: the tail prints what
// the producer still stores, the broker outlives both, admin and systemd tell of all of them.
func (s *syslog2nats) arrange(cf sputnik.ConfFactory, blocks []sputnik.BlockDescriptor) []sputnik.BlockDescriptor {
	conf, err := nats.ReadConf(cf)
	front := []string{systemd.Name, admin.Name, embedded.Name, nats.TailName}
	wanted := map[string]bool{
		systemd.Name:  os.Getenv("NOTIFY_SOCKET") != "",
		admin.Name:    s.flags.Admin,
		embedded.Name: err == nil && conf.Embedded(), // an error is reported when everything is checked
		nats.TailName: s.flags.Tail,
	}
	for rank, name := range front {
		listed := slices.ContainsFunc(blocks, func(other sputnik.BlockDescriptor) bool { return other.Name == name })
		if !wanted[name] || listed {
			continue
		}
		at := 0
		for at < len(blocks) && slices.Contains(front[:rank], blocks[at].Name) {
			at++
		}
		blocks = slices.Insert(blocks, at, sputnik.BlockDescriptor{Name: name, Responsibility: name})
	}
	return blocks
}

// open makes the connector's plug-in. It finds the broker of this process where there are no urls.
func (s *syslog2nats) open(f cli.Flight) ([]sputnik.SputnikOption, io.Closer, error) {
	conf, err := nats.ReadConf(f.Conf)
	if err != nil {
		return nil, nil, err
	}
	s.broker = embedded.New(f.Log)
	connector := nats.NewConnector(f.Log, nil)
	if conf.Embedded() {
		connector = nats.NewConnector(f.Log, s.broker)
	}
	return []sputnik.SputnikOption{
		sputnik.WithConnector(connector, reconnect),
		sputnik.WithConnectTimeout(connectLimit),
		sputnik.WithBackoffCap(reconnectCap),
	}, nil, nil
}
