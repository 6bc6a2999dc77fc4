package syslog

import (
	"context"
	"testing"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestBlock(t *testing.T) {
	conf := testConf()
	conf.Listen = []string{"127.0.0.1:0", "relp://127.0.0.1:0"}
	sink := func() *sputnik.Block {
		return sputnik.NewBlock(
			sputnik.WithInit(func(sputnik.ConfFactory) error { return nil }),
			sputnik.WithRunContext(func(ctx context.Context, _ sputnik.BlockCommunicator) error { <-ctx.Done(); return nil }),
			sputnik.WithOnMsg(func(sputnik.Msg) {}))
	}
	sputniktest.Block(t, func() *sputnik.Block { return NewBlock(discard()) },
		sputniktest.WithConf(confOf(conf)),
		sputniktest.WithPeer("sink", sink),
		sputniktest.WithMessages(func() []sputnik.Msg { return []sputnik.Msg{{KeyCommand: CommandCounters}} }),
		sputniktest.WithRealTime())
}
