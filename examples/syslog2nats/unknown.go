package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sputnik-go/sputnik"
	"github.com/sputnik-go/sputnik/blocks/nats"
	"github.com/sputnik-go/sputnik/blocks/syslog"
)

// checkFiles finds the files in the folder that nobody asks for. Such a file is a misspelled one.
func (set settings) checkFiles(folder string) (faults []error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil // none, or a single file
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return []error{err}
	}
	names := []string{"blocks", nats.ConfName}
	for _, b := range set.blocks {
		names = append(names, b.Name, b.Responsibility)
	}
	formats := []string{".yaml", ".yml", ".json", ".toml"}
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext)
		var err error
		switch {
		case strings.HasPrefix(name, "."), !slices.Contains(formats, strings.ToLower(ext)):
			continue
		case entry.IsDir():
			err = errors.New("is a folder")
		case ext != strings.ToLower(ext), !slices.Contains(names, name):
			err = errors.New("nothing that runs is configured by a file of this name")
		default:
			continue
		}
		faults = append(faults, &sputnik.ConfError{Source: filepath.Join(folder, entry.Name()), Err: err})
	}
	return faults
}

// warnOfVariables names the variables that stand for no key. That is no fault: others may set variables of our prefix.
func (set settings) warnOfVariables(environ []string, log *slog.Logger) {
	known := set.variables()
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.Contains(known, strings.TrimSuffix(name, "_FILE")) {
			log.Warn("this variable stands for no key", "variable", name, "known", nearest(name, known))
		}
	}
}

// variables are those that the blocks and the connector read.
func (set settings) variables() []string {
	all := variablesOf(nats.ConfName, nats.Conf{})
	for _, b := range set.blocks {
		for _, name := range []string{b.Name, b.Responsibility} {
			switch b.Name {
			case syslog.Name:
				all = append(all, variablesOf(name, syslog.Conf{})...)
			case nats.ProducerName:
				all = append(all, variablesOf(name, nats.ProducerConf{})...)
			}
		}
	}
	return all
}

func variablesOf(name string, conf any) (all []string) {
	for field := range reflect.TypeOf(conf).Fields() {
		all = append(all, variable(name, field.Tag.Get("koanf")))
	}
	return all
}

// variable is the one for a key of the configuration of that name.
func variable(name, key string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(envPrefix+"_"+name+"_"+key))
}

func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance is how many characters have to be inserted, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
