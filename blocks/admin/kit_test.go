package admin

import (
	"testing"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/sputniktest"
)

func TestConformance(t *testing.T) {
	sputniktest.Block(t, func() *sputnik.Block { return NewBlock(discard(), Options{}) },
		sputniktest.WithConf(sputniktest.Conf(t, map[string]string{"subject": "listen: 127.0.0.1:0", "twin": "listen: 127.0.0.1:0", Name: "listen: 127.0.0.1:0"})),
		sputniktest.WithRealTime())
}
