package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/admin"
	httpin "github.com/sputnik-go/sputnik/blocks/http"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/nats/embedded"
	"github.com/sputnik-go/sputnik/blocks/syslog"
	"github.com/sputnik-go/sputnik/examples/cli"
)

//go:embed conf
var builtIn embed.FS

// adapters is what the parts of the description share.
type adapters struct {
	broker *embedded.Server // of the flight; it runs where the list has its block
}

// program says what there is. Nothing here decides what runs.
func program() cli.Program {
	conf, err := fs.Sub(builtIn, "conf")
	if err != nil {
		panic(err) // it is embedded
	}
	a := new(adapters)
	return cli.Program{
		Name:      "adapters",
		About:     "receives messages by syslog and HTTP and stores them in a NATS JetStream stream",
		EnvPrefix: "ADAPTERS",
		Defaults:  conf,
		Blocks:    a.blocks(),
		Sections: []cli.Section{{
			Name: nats.ConfName, About: "the connection to NATS, and the stream",
			Default: nats.DefaultConf(), Check: cli.Reads(nats.ReadConf),
		}},
		Check: checkBroker,
		Open:  a.open,
	}
}

// blocks are those that a list can name. Another adapter is one more entry.
func (a *adapters) blocks() []cli.Block {
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
				Name: embedded.Name, About: "a NATS server in this process, where nats has no urls",
				Default: embedded.DefaultConf(), Check: cli.Reads(embedded.ReadConf),
			},
			New: func(cli.Flight) *sputnik.Block { return a.broker.NewBlock() },
		},
		{
			Section: cli.Section{Name: nats.TailName, About: "prints what is stored from now on, by whichever process"},
			New:     func(f cli.Flight) *sputnik.Block { return nats.NewTail(f.Log, f.Stdout) },
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
			Section: cli.Section{
				Name: syslog.Name, About: "receives syslog lines",
				Default: syslog.DefaultConf(), Check: cli.Reads(syslog.ReadConf),
			},
			New: func(f cli.Flight) *sputnik.Block { return syslog.NewBlock(f.Log) },
			To:  "to",
		},
		{
			Section: cli.Section{
				Name: httpin.Name, About: "receives messages by HTTP POST",
				Default: httpin.DefaultConf(), Check: cli.Reads(httpin.ReadConf),
			},
			New: func(f cli.Flight) *sputnik.Block { return httpin.NewBlock(f.Log) },
			To:  "to",
		},
	}
}

// checkBroker finds the lists with which messages would go nowhere, a broker would run for nobody, or end too early.
func checkBroker(cf sputnik.ConfFactory, blocks []sputnik.BlockDescriptor) error {
	conf, err := nats.ReadConf(cf)
	if err != nil {
		return nil //nolint:nilerr // the check of the section tells it
	}
	fault := func(name, key, text string) error {
		return &sputnik.ConfError{Name: name, Key: key, Err: errors.New(text)}
	}
	at := slices.IndexFunc(blocks, func(b sputnik.BlockDescriptor) bool { return b.Name == embedded.Name })
	client := slices.IndexFunc(blocks, func(b sputnik.BlockDescriptor) bool { return b.Name == nats.ProducerName || b.Name == nats.TailName })
	switch {
	case at < 0 && conf.Embedded():
		return fault(nats.ConfName, "urls", "there are none: want those of NATS servers, or the block nats.embedded in the list")
	case at >= 0 && !conf.Embedded():
		return fault(nats.ConfName, "urls", "they lead to another broker than the block nats.embedded in the list: leave one of the two out")
	case client >= 0 && client < at:
		return fault("blocks", fmt.Sprintf("blocks[%d]", at), "nats.embedded has to be listed before the blocks that use it, so that it is finished after them")
	}
	return nil
}

// open makes the connector's plug-in, which finds the broker of this process by itself.
func (a *adapters) open(f cli.Flight) ([]sputnik.SputnikOption, io.Closer, error) {
	conf, err := nats.ReadConf(f.Conf)
	if err != nil {
		return nil, nil, err
	}
	a.broker = embedded.New(f.Log)
	connector := nats.NewConnector(f.Log, nil)
	if conf.Embedded() {
		connector = nats.NewConnector(f.Log, a.broker)
	}
	return []sputnik.SputnikOption{
		sputnik.WithConnector(connector, time.Second),
		sputnik.WithBackoffCap(5 * time.Second),
	}, nil, nil
}
