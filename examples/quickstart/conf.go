package main

import (
	"embed"
	"os"

	"github.com/sputnik-go/sputnik"
)

//go:embed ticker.yaml
var defaults embed.FS

// configuration gives the blocks what is embedded, and over that what the environment says, as in
// TICKER_EVERY=100ms. That is read when a block asks: a fault in it is the fault of that block's Init.
func configuration(block string, result any) error {
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: defaults, Environ: os.Environ()})
	if err != nil {
		return err
	}
	return cf(block, result)
}
