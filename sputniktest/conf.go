package sputniktest

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/sputnik-go/sputnik"
)

// NoConf is a [sputnik.ConfFactory] that has nothing for anybody: its error wraps fs.ErrNotExist.
func NoConf(confName string, _ any) error {
	return fmt.Errorf("%s: %w", confName, fs.ErrNotExist)
}

// Conf returns a factory that finds YAML under the names of blocks, as strict as [sputnik.NewConfFactory]:
//
//	sputniktest.Conf(t, map[string]string{"ticker": "every: 2s"})
func Conf(tb testing.TB, yaml map[string]string) sputnik.ConfFactory {
	tb.Helper()
	files := fstest.MapFS{}
	for name, text := range yaml {
		files[name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{Defaults: files})
	if err != nil {
		tb.Fatalf("sputniktest.Conf: %v", err)
	}
	return cf
}
